package sallyport.lib.params_test

import data.sallyport.lib.params

test_a_parameter_is_read_of_its_own_rule if {
	guardrails := {"rules": {"workload/image": {"params": {"registries": ["registry.example.com/"]}}}}
	params.get("workload/image", "registries", []) == ["registry.example.com/"] with data.guardrails as guardrails
	params.get("workload/image", "tags", ["latest"]) == ["latest"] with data.guardrails as guardrails
	params.get("workload/other", "registries", []) == [] with data.guardrails as guardrails
}

test_a_parameter_may_be_false if {
	guardrails := {"rules": {"a/b": {"params": {"strict": false}}}}
	params.get("a/b", "strict", true) == false with data.guardrails as guardrails
}

test_guardrails_without_rules_have_no_parameters if {
	params.get("workload/image", "registries", []) == [] with data.guardrails as {}
	params.get("workload/image", "registries", []) == []
}

test_a_star_in_a_name_stops_at_a_slash if {
	guardrails := {"rules": {"secrets/consume": {"params": {"secrets": ["shop/db-*", "*/pull"]}}}}
	every name, listed in {"shop/db-main": true, "a/pull": true, "shop/web": false, "shop/db-a/b": false} {
		listed == is_named(name) with data.guardrails as guardrails
	}
}

is_named(name) if params.names("secrets/consume", "secrets", name)

is_named(name) := false if not params.names("secrets/consume", "secrets", name)
