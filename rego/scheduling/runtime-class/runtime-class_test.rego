package sallyport.rules.scheduling.runtime_class_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.runtime_class

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

test_a_runtime_class_that_the_author_names_is_found if {
	runtime_class.findings == {{
		"message": "runs in the runtime class runc",
		"fields": ["spec.template.spec.runtimeClassName"],
	}} with input as writes({"runtimeClassName": "runc"})
}

test_another_class_than_before_is_found_and_the_same_is_not if {
	every before, n in {"runc": 0, "gvisor": 1} {
		found := runtime_class.findings with input as changes({"runtimeClassName": before}, {"runtimeClassName": "runc"})
		count(found) == n
	}
}

test_leaving_a_runtime_class_is_found if {
	every spec in [{}, {"runtimeClassName": ""}, {"runtimeClassName": null}] {
		runtime_class.findings == {{
			"message": "leaves the runtime class gvisor for the node's own",
			"fields": ["spec.template.spec.runtimeClassName"],
		}} with input as changes({"runtimeClassName": "gvisor"}, spec)
	}
}

test_no_class_before_and_after_is_not_found if {
	runtime_class.findings == set() with input as changes({}, {})
	runtime_class.findings == set() with input as writes({})
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/runtime-class": {"params": {"classes": ["gvisor"]}}}}
	every class, n in {"gvisor": 0, "runc": 1} {
		found := runtime_class.findings with input as writes({"runtimeClassName": class}) with data.guardrails as guardrails
		count(found) == n
	}
}
