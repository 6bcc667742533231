package sallyport.rules.secrets.read_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.read

test_a_get_is_found_and_masked if {
	request := given.request("get", "secrets", {})
	read.findings == {{"message": "reads secrets shop/db", "fields": []}} with input as request
	{m.fields | some m in read.masks} == {["data.*", "stringData.*"]} with input as request
}

test_a_verb_that_nobody_knows_is_a_read if {
	count(read.masks) == 1 with input as given.request("proxy", "secrets", {})
}

test_lists_and_writes_are_left_to_their_own_rules if {
	every verb in ["list", "watch", "create", "update", "patch", "delete", "deletecollection"] {
		read.findings == set() with input as given.request(verb, "secrets", {})
		read.masks == set() with input as given.request(verb, "secrets", {})
	}
}
