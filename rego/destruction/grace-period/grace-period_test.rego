package sallyport.rules.destruction.grace_period_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.grace_period

deletes(options) := given.request("delete", "pods", {"request": {"options": options}})

test_a_grace_period_of_zero_is_found if {
	grace_period.findings == {{
		"message": "deletes pods shop/db with no grace",
		"fields": ["gracePeriodSeconds"],
	}} with input as deletes({"gracePeriodSeconds": 0})
}

test_any_other_and_none_are_not_found if {
	every options in [{}, {"gracePeriodSeconds": 1}, {"gracePeriodSeconds": 30}, {"propagationPolicy": "Background"}] {
		grace_period.findings == set() with input as deletes(options)
	}
}
