package sallyport.lib.params_test

import data.sallyport.lib.params

test_a_parameter_is_read_of_its_own_rule if {
	guardrails := {"rules": {"workload/image": {"params": {"registries": ["registry.example.com/"]}}}}
	params.get("workload/image", "registries", []) == ["registry.example.com/"] with data.guardrails as guardrails
	params.get("workload/image", "tags", ["latest"]) == ["latest"] with data.guardrails as guardrails
	params.get("workload/other", "registries", []) == [] with data.guardrails as guardrails
}

test_guardrails_without_rules_have_no_parameters if {
	params.get("workload/image", "registries", []) == [] with data.guardrails as {}
}
