package sallyport.rules.secrets.list_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.list

all_of(verb) := given.request(verb, "secrets", {"request": {"name": ""}})

test_a_list_and_a_watch_are_found_and_masked if {
	every verb, deed in {"list": "lists", "watch": "watches"} {
		list.findings == {{
			"message": $"{deed} secrets shop, all at once",
			"fields": [],
		}} with input as all_of(verb)
		count(list.masks) == 1 with input as all_of(verb)
	}
}

test_identities_that_the_guardrails_name_are_not_found_and_masked_all_the_same if {
	every params in [{"users": ["corp:agent"]}, {"groups": ["corp:sre", "corp:devs"]}] {
		list.findings == set() with input as all_of("list")
			with data.guardrails.rules["secrets/list"].params as params
		count(list.masks) == 1 with input as all_of("list")
			with data.guardrails.rules["secrets/list"].params as params
	}
}

test_others_are_found_beside_them if {
	every params in [{}, {"users": ["corp:other"], "groups": ["corp:sre"]}, {"users": ["corp:devs"]}] {
		found := list.findings with input as all_of("list")
			with data.guardrails.rules["secrets/list"].params as params
		count(found) == 1
	}
}
