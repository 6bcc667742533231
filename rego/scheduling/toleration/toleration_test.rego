package sallyport.rules.scheduling.toleration_test

import data.sallyport.lib.given
import data.sallyport.rules.scheduling.toleration

writes(spec) := given.request("patch", "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

changes(before, spec) := object.union(writes(spec), {"oldObject": {"spec": {"template": {"spec": before}}}})

plane := {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}

tolerating(list) := {"tolerations": list}

test_a_toleration_that_the_author_sets_is_found if {
	tolerations := {
		"tolerates node-role.kubernetes.io/control-plane:NoSchedule": plane,
		"tolerates tenant=pay": {"key": "tenant", "operator": "Equal", "value": "pay"},
		"tolerates every taint": {"operator": "Exists"},
	}
	every message, one in tolerations {
		toleration.findings == {{
			"message": message,
			"fields": ["spec.template.spec.tolerations[0]"],
		}} with input as writes(tolerating([one]))
	}
}

seconds := {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}

test_what_the_server_gives_every_pod_is_not_found if {
	toleration.findings == set() with input as writes(tolerating([
		object.union(seconds, {"key": "node.kubernetes.io/not-ready"}),
		object.union(seconds, {"key": "node.kubernetes.io/unreachable"}),
		{"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
	]))
}

test_staying_for_ever_on_a_node_that_is_gone_is_found if {
	one := {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
	found := toleration.findings with input as writes(tolerating([one]))
	count(found) == 1
}

test_what_stood_there_before_is_not_found_again_and_another_is if {
	toleration.findings == set() with input as changes(tolerating([plane]), tolerating([plane]))
	wider := object.remove(plane, ["effect"])
	found := toleration.findings with input as changes(tolerating([plane]), tolerating([plane, wider]))
	{f.fields[0] | some f in found} == {"spec.template.spec.tolerations[1]"}
}

test_what_the_guardrails_name_is_not_found if {
	guardrails := {"rules": {"scheduling/toleration": {"params": {"keys": ["tenant"]}}}}
	every one, n in {{"key": "tenant", "operator": "Exists"}: 0, {"operator": "Exists"}: 1, plane: 1} {
		found := toleration.findings with input as writes(tolerating([one])) with data.guardrails as guardrails
		count(found) == n
	}
}
