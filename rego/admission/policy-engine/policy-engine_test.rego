package sallyport.rules.admission.policy_engine_test

import data.sallyport.lib.given
import data.sallyport.rules.admission.policy_engine

test_a_policy_that_is_deleted_is_found if {
	policy_engine.findings == {{
		"message": "deletes clusterpolicies no-root",
		"fields": [],
	}} with input as given.request("delete", "clusterpolicies", {"request": {"namespace": "", "name": "no-root"}})
}
