package sallyport.rules.rbac.role_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.role

test_a_role_that_is_written_is_found if {
	role.findings == {{"message": "patches roles shop/db", "fields": []}} with input as given.request("patch", "roles", {})
}
