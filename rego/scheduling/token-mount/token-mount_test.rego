package sallyport.rules.scheduling.token_mount_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.token_mount

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

asks := {"automountServiceAccountToken": true}

test_asking_for_the_token_is_found if {
	token_mount.findings == {{
		"message": "asks for the token of the service account default, whatever that says itself",
		"fields": ["spec.template.spec.automountServiceAccountToken"],
	}} with input as writes(asks)
}

test_saying_nothing_or_no_is_not_found if {
	every spec in [{}, {"automountServiceAccountToken": false}] {
		token_mount.findings == set() with input as writes(spec)
	}
}

test_what_stood_there_before_is_not_found_again_and_a_no_of_before_is if {
	token_mount.findings == set() with input as changes(asks, asks)
	found := token_mount.findings with input as changes({"automountServiceAccountToken": false}, asks)
	count(found) == 1
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/token-mount": {"params": {"serviceAccounts": ["shop/operator"]}}}}
	every name, n in {"operator": 0, "web": 1} {
		spec := object.union(asks, {"serviceAccountName": name})
		found := token_mount.findings with input as writes(spec) with data.guardrails as guardrails
		count(found) == n
	}
}
