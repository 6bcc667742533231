package sallyport.rules.tenancy.lease_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.lease

test_every_kind_of_write_is_found if {
	deeds := {
		"create": "creates",
		"update": "replaces",
		"patch": "patches",
		"delete": "deletes",
		"deletecollection": "deletes all of",
	}
	every verb, deed in deeds {
		lease.findings == {{
			"message": $"{deed} leases shop/db",
			"fields": [],
		}} with input as given.request(verb, "leases", {})
	}
}
