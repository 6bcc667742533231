package sallyport.rules.rbac.role_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.role

test_every_write_of_a_role_is_found if {
	every verb, deed in {"create": "creates", "patch": "patches", "delete": "deletes"} {
		role.findings == {{"message": $"{deed} roles shop/db", "fields": []}} with input as given.request(verb, "roles", {})
	}
}
