package sallyport.rules.rbac.wildcard_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.wildcard

role(rule) := given.request("create", "roles", {"object": {"rules": [rule]}, "roleRules": [rule]})

test_all_verbs_are_found if {
	wildcard.findings == {{
		"message": "grants all verbs on pods",
		"fields": ["rules[0].verbs"],
	}} with input as role({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "*"]})
}

test_all_verbs_on_urls_are_found if {
	wildcard.findings == {{
		"message": "grants all verbs on /metrics",
		"fields": ["rules[0].verbs"],
	}} with input as role({"nonResourceURLs": ["/metrics"], "verbs": ["*"]})
}

test_all_resources_are_found if {
	every resource in ["*", "*/scale"] {
		wildcard.findings == {{
			"message": $"grants get, list on {resource}",
			"fields": ["rules[0].resources"],
		}} with input as role({"apiGroups": ["apps"], "resources": [resource], "verbs": ["get", "list"]})
	}
}

test_a_binding_is_found_by_what_its_role_grants if {
	wildcard.findings == {{"message": "grants all verbs on pods", "fields": ["roleRef"]}} with input as given.request(
		"create",
		"rolebindings",
		{
			"object": {"roleRef": {"kind": "Role", "name": "owner"}},
			"roleRules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}],
		},
	)
}

test_an_aggregated_role_is_found_by_what_it_collects if {
	wildcard.findings == {{
		"message": "grants all verbs on pods",
		"fields": ["aggregationRule"],
	}} with input as given.request("create", "clusterroles", {
		"object": {"rules": [], "aggregationRule": {"clusterRoleSelectors": [{}]}},
		"roleRules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}],
	})
}

test_named_verbs_and_resources_are_not_found if {
	named := {"apiGroups": ["*"], "resources": ["pods", "pods/log"], "verbs": ["get"]}
	wildcard.findings == set() with input as role(named)
	wildcard.findings == set() with input as given.request("create", "roles", {})
}
