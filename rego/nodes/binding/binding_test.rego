package sallyport.rules.nodes.binding_test

import data.sallyport.lib.given
import data.sallyport.rules.nodes.binding

test_a_binding_is_found_at_the_pod_and_at_the_collection if {
	every resource, subresource in {"pods": "binding", "bindings": ""} {
		binding.findings == {{
			"message": $"binds {resource} shop/db to the node n1",
			"fields": [],
		}} with input as given.request("create", resource, {
			"request": {"subResource": subresource},
			"object": {"target": {"kind": "Node", "name": "n1"}},
		})
	}
}

test_a_binding_of_which_the_node_is_not_known_yet_is_found if {
	binding.findings == {{
		"message": "binds bindings shop/db to a node",
		"fields": [],
	}} with input as given.request("create", "bindings", {})
}
