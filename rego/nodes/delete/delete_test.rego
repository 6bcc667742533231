package sallyport.rules.nodes.delete_test

import data.sallyport.lib.given
import data.sallyport.rules.nodes.delete

test_the_deletion_of_one_and_of_all_is_found if {
	every verb, message in {"delete": "deletes nodes n1", "deletecollection": "deletes all of nodes n1"} {
		delete.findings == {{"message": message, "fields": []}} with input as given.request(
			verb, "nodes",
			{"request": {"namespace": "", "name": "n1"}},
		)
	}
}
