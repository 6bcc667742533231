package sallyport.rules.secrets.list_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.list

test_a_list_and_a_watch_are_found_and_masked if {
	every verb, deed in {"list": "lists", "watch": "watches"} {
		request := given.request(verb, "secrets", {"request": {"name": ""}})
		list.findings == {{
			"message": $"{deed} secrets shop, all at once",
			"fields": [],
		}} with input as request
		count(list.masks) == 1 with input as request
	}
}
