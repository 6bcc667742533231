package sallyport.rules.access.node_debug_test

import data.sallyport.lib.given
import data.sallyport.rules.access.node_debug

pod := {"metadata": {"name": "shell"}, "spec": {"nodeName": "n1"}}

creates(changes) := given.request("create", "pods", {"object": object.union(pod, changes)})

marks := [
	{"metadata": {"labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}}},
	{"metadata": {"name": "node-debugger-n1-x7k2p"}},
	{"spec": {"tolerations": [{"operator": "Exists"}]}},
]

test_each_mark_of_a_node_debugger_is_found if {
	every mark in marks {
		node_debug.findings == {{
			"message": "debugs the node n1",
			"fields": ["spec.nodeName"],
		}} with input as creates(mark)
	}
}

test_a_pod_that_names_a_node_alone_is_not_found if {
	node_debug.findings == set() with input as creates({})
	key := {"spec": {"tolerations": [{"operator": "Exists", "key": "a"}]}}
	node_debug.findings == set() with input as creates(key)
}

test_a_pod_that_the_scheduler_places_is_not_found if {
	every mark in marks {
		node_debug.findings == set() with input as creates(object.union(mark, {"spec": {"nodeName": ""}}))
	}
}

test_a_write_of_a_pod_that_runs_is_not_found if {
	object_now := object.union(pod, marks[0])
	node_debug.findings == set() with input as given.request("patch", "pods", {
		"object": object_now,
		"oldObject": object_now,
	})
}
