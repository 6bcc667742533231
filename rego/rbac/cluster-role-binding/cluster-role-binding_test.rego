package sallyport.rules.rbac.cluster_role_binding_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.cluster_role_binding

test_a_binding_is_found_with_its_role_and_its_subjects if {
	binding := {
		"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": [{"kind": "User", "name": "mallory"}, {"kind": "Group", "name": "devs"}],
	}
	cluster_role_binding.findings == {{
		"message": "binds ClusterRole cluster-admin in every namespace to User mallory, Group devs",
		"fields": ["roleRef", "subjects"],
	}} with input as given.request("create", "clusterrolebindings", {"object": binding})
}

test_a_binding_is_found_before_its_body_is_read if {
	cluster_role_binding.findings == {{
		"message": "binds a role in every namespace",
		"fields": [],
	}} with input as given.request("patch", "clusterrolebindings", {})
}
