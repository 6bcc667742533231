package sallyport.rules.scheduling.service_account_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.service_account

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

test_a_service_account_is_found_in_either_field if {
	specs := {
		"serviceAccountName": {"serviceAccountName": "admin"},
		"serviceAccount": {"serviceAccountName": "", "serviceAccount": "admin"},
	}
	every key, spec in specs {
		service_account.findings == {{
			"message": "acts as the service account admin",
			"fields": [$"spec.template.spec.{key}"],
		}} with input as writes(spec)
	}
}

test_what_the_server_writes_is_not_found if {
	defaulted := {"serviceAccountName": "default", "serviceAccount": "default"}
	every spec in [{}, defaulted, {"serviceAccountName": ""}, {"serviceAccountName": null}] {
		service_account.findings == set() with input as writes(spec)
	}
}

test_the_account_of_before_is_not_found_again_and_another_is if {
	stored := {"serviceAccountName": "admin", "serviceAccount": "admin"}
	service_account.findings == set() with input as changes(stored, {"serviceAccountName": "admin"})
	found := service_account.findings with input as changes(stored, {"serviceAccountName": "root"})
	count(found) == 1
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/service-account": {"params": {"names": ["shop/web-*"]}}}}
	every name, n in {"web-1": 0, "admin": 1} {
		found := service_account.findings with input as writes({"serviceAccountName": name})
			with data.guardrails as guardrails
		count(found) == n
	}
}
