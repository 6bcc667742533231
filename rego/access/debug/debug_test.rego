package sallyport.rules.access.debug_test

import data.sallyport.lib.given
import data.sallyport.rules.access.debug

adds(verb, facts) := object.union(
	given.request(verb, "pods", {"request": {"subResource": "ephemeralcontainers"}}),
	facts,
)

test_a_debug_container_is_found_by_patch_and_by_update if {
	every verb in ["patch", "update"] {
		debug.findings == {{
			"message": "adds a container to the running pods shop/db",
			"fields": [],
		}} with input as adds(verb, {})
	}
}

test_it_is_named_once_it_is_known_and_those_of_before_are_not if {
	old := {"name": "old", "image": "busybox:1"}
	debug.findings == {{
		"message": "adds the container debugger-x (registry.example.com/shell:1) to the running pods shop/db",
		"fields": ["spec.ephemeralContainers[1]"],
	}} with input as adds("patch", {
		"podSpecs": [{
			"path": "spec",
			"spec": {
				"containers": [{"name": "app"}],
				"ephemeralContainers": [old, {"name": "debugger-x", "image": "registry.example.com/shell:1"}],
			},
		}],
		"oldObject": {"spec": {"ephemeralContainers": [old]}},
	})
}
