package sallyport.rules.rbac.cluster_admin_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.cluster_admin

binds(role) := {"object": {"roleRef": role, "subjects": [{"kind": "User", "name": "mallory"}]}}

test_cluster_admin_is_found_in_both_kinds_of_binding if {
	every resource in ["rolebindings", "clusterrolebindings"] {
		cluster_admin.findings == {{
			"message": "binds cluster-admin to User mallory",
			"fields": ["roleRef.name"],
		}} with input as given.request("create", resource, binds({"kind": "ClusterRole", "name": "cluster-admin"}))
	}
}

test_other_roles_are_not_found if {
	every role in [{"kind": "ClusterRole", "name": "view"}, {"kind": "Role", "name": "cluster-admin"}] {
		cluster_admin.findings == set() with input as given.request("create", "rolebindings", binds(role))
	}
	cluster_admin.findings == set() with input as given.request("create", "rolebindings", {})
}
