package sallyport.rules.destruction.collection_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.collection

test_the_deletion_of_a_collection_is_found if {
	collection.findings == {{
		"message": "deletes all of configmaps shop",
		"fields": [],
	}} with input as given.request("deletecollection", "configmaps", {"request": {"name": ""}})
}
