package sallyport.rules.tenancy.quota_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.quota

test_every_kind_of_write_is_found if {
	deeds := {
		"create": "creates",
		"update": "replaces",
		"patch": "patches",
		"delete": "deletes",
		"deletecollection": "deletes all of",
	}
	every verb, deed in deeds {
		quota.findings == {{
			"message": $"{deed} resourcequotas shop/db",
			"fields": [],
		}} with input as given.request(verb, "resourcequotas", {})
	}
}
