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

test_a_list_that_the_guardrails_allow_is_a_read if {
	every verb, deed in {"list": "lists", "watch": "watches"} {
		request := given.request(verb, "secrets", {"request": {"name": ""}})
		read.findings == {{
			"message": $"{deed} secrets shop, as guardrails let it",
			"fields": [],
		}} with input as request with data.guardrails.rules["secrets/list"].params as {"groups": ["corp:devs"]}
	}
}

test_a_write_by_those_who_may_list_is_no_read if {
	read.findings == set() with input as given.request("update", "secrets", {})
		with data.guardrails.rules["secrets/list"].params as {"groups": ["corp:devs"]}
}
