package sallyport.rules.csr.signer_test

import data.sallyport.lib.given
import data.sallyport.rules.csr.signer

role(rule) := given.request("create", "clusterroles", {"object": {"rules": [rule]}, "roleRules": [rule]})

test_each_power_over_certificates_is_found if {
	powers := [
		["signers", "approve"],
		["signers", "sign"],
		["certificatesigningrequests/approval", "update"],
		["certificatesigningrequests/approval", "patch"],
		["certificatesigningrequests/status", "update"],
		["certificatesigningrequests/status", "patch"],
	]
	every power in powers {
		[resource, verb] := power
		every group in ["certificates.k8s.io", "*"] {
			signer.findings == {{
				"message": $"grants {verb} on {resource}",
				"fields": ["rules[0].resources"],
			}} with input as role({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
		}
	}
}

test_other_grants_are_not_found if {
	every rule in [
		{"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "verbs": ["get"]},
		{"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": ["update"]},
		{"apiGroups": [""], "resources": ["signers"], "verbs": ["sign"]},
	] {
		signer.findings == set() with input as role(rule)
	}
	signer.findings == set() with input as given.request("create", "clusterroles", {})
}
