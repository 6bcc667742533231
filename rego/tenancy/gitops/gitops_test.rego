package sallyport.rules.tenancy.gitops_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.gitops

test_every_kind_of_write_is_found if {
	deeds := {
		"create": "creates",
		"update": "replaces",
		"patch": "patches",
		"delete": "deletes",
		"deletecollection": "deletes all of",
	}
	every verb, deed in deeds {
		gitops.findings == {{
			"message": $"{deed} applications shop/db",
			"fields": [],
		}} with input as given.request(verb, "applications", {})
	}
}
