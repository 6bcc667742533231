package sallyport.rules.access.debug_copy_test

import data.sallyport.lib.given
import data.sallyport.rules.access.debug_copy

creates(spec) := given.request("create", "pods", {"object": {"spec": spec}})

test_each_mark_of_a_copy_is_found if {
	marks := {
		"spec.volumes[0]": {"volumes": [{"name": "kube-api-access-x4z5k", "projected": {}}]},
		"spec.priority": {"priority": 0},
	}
	every field, spec in marks {
		debug_copy.findings == {{
			"message": "makes pods shop/db of the spec of a running pod",
			"fields": [field],
		}} with input as creates(spec)
	}
}

test_a_pod_that_somebody_wrote_is_not_found if {
	debug_copy.findings == set() with input as creates({
		"containers": [{"name": "app"}],
		"volumes": [{"name": "kube-api-access", "emptyDir": {}}],
	})
}
