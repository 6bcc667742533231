package sallyport.rules.nodes.write_test

import data.sallyport.lib.given
import data.sallyport.rules.nodes.write

node(verb, facts) := object.union(
	given.request(verb, "nodes", {"request": {"namespace": "", "name": "n1"}}),
	facts,
)

test_every_write_is_found_before_anything_more_is_known if {
	every verb, deed in {"create": "creates", "update": "replaces", "patch": "patches"} {
		write.findings == {{"message": $"{deed} nodes n1", "fields": []}} with input as node(verb, {})
	}
}

test_what_changes_is_named if {
	changes := {
		"metadata.labels": {"metadata": {"labels": {"tenant": "pay"}}},
		"metadata.annotations": {"metadata": {"annotations": {"a": "b"}}},
		"spec.taints": {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}},
		"spec.unschedulable": {"spec": {"unschedulable": true}},
		"status": {"status": {"capacity": {"cpu": "64"}}},
	}
	every field, change in changes {
		write.findings == {{"message": "patches nodes n1", "fields": [field]}} with input as node("patch", {
			"object": change,
			"oldObject": {"metadata": {}, "spec": {}},
		})
	}
}
