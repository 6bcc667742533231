package sallyport.rules.destruction.orphan_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.orphan

deletes(options) := given.request("delete", "deployments", {"request": {"options": options}})

test_orphaning_is_found_in_either_option if {
	every field, value in {"propagationPolicy": "Orphan", "orphanDependents": true} {
		orphan.findings == {{
			"message": "deletes deployments shop/db and leaves what it owns",
			"fields": [field],
		}} with input as deletes({field: value})
	}
}

test_background_and_foreground_are_not_found if {
	every options in [
		{},
		{"propagationPolicy": "Background"},
		{"propagationPolicy": "Foreground"},
		{"orphanDependents": false},
	] {
		orphan.findings == set() with input as deletes(options)
	}
}
