package sallyport.rules.scheduling.node_name_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.node_name

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

test_what_the_author_names_is_found if {
	node_name.findings == {{
		"message": "runs on the node worker-1, past the scheduler",
		"fields": ["spec.template.spec.nodeName"],
	}} with input as writes({"nodeName": "worker-1"})
}

test_what_is_not_named_is_not_found if {
	every spec in [{}, {"nodeName": ""}, {"nodeName": null}] {
		node_name.findings == set() with input as writes(spec)
	}
}

test_what_stood_there_before_is_not_found_again_and_another_is if {
	spec := {"nodeName": "worker-1"}
	node_name.findings == set() with input as changes(spec, spec)
	found := node_name.findings with input as changes({"nodeName": "control-plane"}, spec)
	count(found) == 1
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/node-name": {"params": {"nodes": ["worker-*"]}}}}
	every name, n in {"worker-1": 0, "control-plane": 1} {
		found := node_name.findings with input as writes({"nodeName": name}) with data.guardrails as guardrails
		count(found) == n
	}
}
