package sallyport.rules.tenancy.disruption_budget_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.disruption_budget

test_every_kind_of_write_is_found if {
	deeds := {
		"create": "creates",
		"update": "replaces",
		"patch": "patches",
		"delete": "deletes",
		"deletecollection": "deletes all of",
	}
	every verb, deed in deeds {
		disruption_budget.findings == {{
			"message": $"{deed} poddisruptionbudgets shop/db",
			"fields": [],
		}} with input as given.request(verb, "poddisruptionbudgets", {})
	}
}
