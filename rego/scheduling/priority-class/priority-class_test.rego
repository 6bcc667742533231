package sallyport.rules.scheduling.priority_class_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.priority_class

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

test_what_the_author_names_is_found if {
	priority_class.findings == {{
		"message": "runs at the priority system-node-critical",
		"fields": ["spec.template.spec.priorityClassName"],
	}} with input as writes({"priorityClassName": "system-node-critical"})
}

test_what_is_not_named_is_not_found if {
	every spec in [{}, {"priorityClassName": ""}, {"priorityClassName": null}] {
		priority_class.findings == set() with input as writes(spec)
	}
}

test_what_stood_there_before_is_not_found_again_and_another_is if {
	spec := {"priorityClassName": "system-node-critical"}
	priority_class.findings == set() with input as changes(spec, spec)
	found := priority_class.findings with input as changes({"priorityClassName": "urgent"}, spec)
	count(found) == 1
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/priority-class": {"params": {"classes": ["system-node-critica*"]}}}}
	every name, n in {"system-node-critical": 0, "urgent": 1} {
		found := priority_class.findings with input as writes({"priorityClassName": name}) with data.guardrails as guardrails
		count(found) == n
	}
}

test_the_class_that_the_server_gives_a_pod_is_not_found if {
	pod := given.request("create", "pods", {"podSpecs": [{"path": "spec", "spec": {"priorityClassName": "usual"}}]})
	priority_class.findings == set() with input as object.union(pod, {"sent": {"spec": {}}})
	found := priority_class.findings with input as object.union(
		pod,
		{"sent": {"spec": {"priorityClassName": "usual"}}},
	)
	count(found) == 1
}
