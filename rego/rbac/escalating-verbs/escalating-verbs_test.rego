package sallyport.rules.rbac.escalating_verbs_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.escalating_verbs

role(verbs) := given.request("create", "clusterroles", {"object": {"rules": rules}, "roleRules": rules}) if {
	rules := [
		{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
		{"apiGroups": ["*"], "resources": ["roles", "users"], "verbs": verbs},
	]
}

test_each_escalating_verb_is_found_where_it_stands if {
	verbs := [
		"bind",
		"escalate",
		"impersonate",
		"impersonate:user-info",
		"impersonate-on:user-info:get",
	]
	every verb in verbs {
		escalating_verbs.findings == {{
			"message": $"grants {verb} on roles, users",
			"fields": ["rules[1].verbs"],
		}} with input as role(["get", verb])
	}
}

test_other_verbs_are_not_found if {
	escalating_verbs.findings == set() with input as role(["get", "list", "binds", "patch"])
	escalating_verbs.findings == set() with input as given.request("create", "clusterroles", {})
}
