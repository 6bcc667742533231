package sallyport.rules.tenancy.gateway_namespace_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.gateway_namespace

in_namespace(name) := given.request("patch", "deployments", {"request": {"namespace": name}})

found_in(name) if {
	gateway_namespace.findings == {{
		"message": $"patches deployments {name}/db in the gateway's own namespace",
		"fields": [],
	}} with input as in_namespace(name)
}

test_a_write_where_the_gateway_runs_is_found if {
	every name in ["sallyport", "sallyport-agents"] {
		found_in(name) with data.guardrails.rules as {}
	}
}

test_the_guardrails_say_where_it_runs if {
	params := {"namespaces": ["door", "gate-*"]}
	every name in ["door", "gate-", "gate-a"] {
		found_in(name) with data.guardrails.rules["tenancy/gateway-namespace"].params as params
	}
	every name in ["sallyport", "doors", "gate"] {
		gateway_namespace.findings == set() with input as in_namespace(name)
			with data.guardrails.rules["tenancy/gateway-namespace"].params as params
	}
}

test_a_connection_to_its_pods_is_found if {
	gateway_namespace.findings == {{
		"message": "opens pods/exec sallyport/db in the gateway's own namespace",
		"fields": [],
	}} with input as given.connect("get", "pods", "exec", {"request": {"namespace": "sallyport"}})
		with data.guardrails.rules as {}
}

test_other_namespaces_and_objects_of_the_cluster_are_not_found if {
	every name in ["", "shop", "sallyports", "my-sallyport"] {
		gateway_namespace.findings == set() with input as in_namespace(name) with data.guardrails.rules as {}
	}
}
