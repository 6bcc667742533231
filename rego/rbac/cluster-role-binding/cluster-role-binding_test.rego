package sallyport.rules.rbac.cluster_role_binding_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.cluster_role_binding

binding := {
	"roleRef": {"kind": "ClusterRole", "name": "view"},
	"subjects": [{"kind": "User", "name": "mallory"}],
}

of(verb, changes) := given.request(verb, "clusterrolebindings", object.union(
	{"request": {"namespace": "", "name": "b"}},
	changes,
))

test_a_binding_is_found_with_its_role_and_its_subjects if {
	cluster_role_binding.findings == {{
		"message": "binds ClusterRole view in every namespace to User mallory",
		"fields": ["roleRef", "subjects"],
	}} with input as of("create", {"object": binding})
}

test_a_binding_is_found_before_its_body_is_read if {
	cluster_role_binding.findings == {{
		"message": "binds a role in every namespace",
		"fields": [],
	}} with input as of("patch", {})
}

test_a_binding_that_is_deleted_is_found if {
	cluster_role_binding.findings == {{
		"message": "deletes clusterrolebindings b",
		"fields": [],
	}} with input as of("delete", {})
}
