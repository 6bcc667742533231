package sallyport.rules.secrets.list_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.list

test_a_list_and_a_watch_are_found_and_masked if {
	every verb in ["list", "watch"] {
		request := given.request(verb, "secrets", {"request": {"name": ""}})
		list.findings == {{
			"message": concat(" ", [verb, "takes every one of secrets shop"]),
			"fields": [],
		}} with input as request
		count(list.masks) == 1 with input as request
	}
}
