package sallyport.rules.rbac.subjects_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.subjects

binds(list) := given.request("create", "clusterrolebindings", {"object": {
	"roleRef": {"kind": "ClusterRole", "name": "view"},
	"subjects": list,
}})

test_everybody_is_found_by_each_name if {
	every name in [
		"system:masters",
		"system:unauthenticated",
		"system:authenticated",
		"system:serviceaccounts",
	] {
		subjects.findings == {{
			"message": $"binds ClusterRole view to {name}",
			"fields": ["subjects[1].name"],
		}} with input as binds([{"kind": "User", "name": "jane"}, {"kind": "Group", "name": name}])
	}
	subjects.findings == {{
		"message": "binds ClusterRole view to system:anonymous",
		"fields": ["subjects[0].name"],
	}} with input as binds([{"kind": "User", "name": "system:anonymous"}])
}

test_a_patch_that_names_subjects_alone_is_found if {
	subjects.findings == {{
		"message": "binds a role to system:masters",
		"fields": ["subjects[0].name"],
	}} with input as given.request("patch", "rolebindings", {"object": {"subjects": [{
		"kind": "Group",
		"name": "system:masters",
	}]}})
}

test_single_identities_are_not_found if {
	subjects.findings == set() with input as binds([
		{"kind": "Group", "name": "corp:devs"},
		{"kind": "Group", "name": "system:serviceaccounts:shop"},
		{"kind": "ServiceAccount", "name": "system:masters", "namespace": "shop"},
	])
	subjects.findings == set() with input as given.request("create", "rolebindings", {})
}
