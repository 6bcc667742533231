package sallyport.rules.network.policy_delete_test

import data.sallyport.lib.given
import data.sallyport.rules.network.policy_delete

test_the_deletion_of_a_policy_is_found if {
	policy_delete.findings == {{
		"message": "deletes networkpolicies shop/db",
		"fields": [],
	}} with input as given.request("delete", "networkpolicies", {})
}
