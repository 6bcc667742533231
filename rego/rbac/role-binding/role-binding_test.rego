package sallyport.rules.rbac.role_binding_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.role_binding

test_a_binding_is_found_with_its_role_and_its_subjects if {
	binding := {
		"roleRef": {"kind": "ClusterRole", "name": "edit"},
		"subjects": [{"kind": "User", "name": "mallory"}, {"kind": "Group", "name": "devs"}],
	}
	role_binding.findings == {{
		"message": "binds ClusterRole edit in namespace shop to User mallory, Group devs",
		"fields": ["roleRef", "subjects"],
	}} with input as given.request("create", "rolebindings", {"object": binding})
}

test_a_binding_to_nobody_is_found if {
	role_binding.findings == {{
		"message": "binds Role reader in namespace shop",
		"fields": ["roleRef"],
	}} with input as given.request("update", "rolebindings", {"object": {"roleRef": {"kind": "Role", "name": "reader"}}})
}

test_a_binding_that_is_deleted_is_found if {
	role_binding.findings == {{
		"message": "deletes rolebindings shop/db",
		"fields": [],
	}} with input as given.request("delete", "rolebindings", {})
}
