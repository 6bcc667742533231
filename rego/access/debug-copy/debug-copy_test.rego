package sallyport.rules.access.debug_copy_test

import data.sallyport.lib.given
import data.sallyport.rules.access.debug_copy

creates(spec) := given.request("create", "pods", {"object": {"spec": spec}})

marks := {
	"spec.volumes[0]": {"volumes": [{"name": "kube-api-access-x4z5k", "projected": {}}]},
	"spec.priority": {"priority": 0},
}

test_each_mark_of_a_copy_is_found if {
	every field, spec in marks {
		debug_copy.findings == {{
			"message": "makes pods shop/db of the spec of a running pod",
			"fields": [field],
		}} with input as creates(spec)
	}
}

test_a_copy_by_an_apply_is_found if {
	every field, spec in marks {
		applied := given.request("patch", "pods", {"object": {"spec": spec}, "oldObject": null})
		found := debug_copy.findings with input as applied
		{finding.fields[0] | some finding in found} == {field}
	}
}

test_a_pod_that_runs_is_not_found if {
	every spec in marks {
		pod := {"spec": spec}
		debug_copy.findings == set() with input as given.request("patch", "pods", {"object": pod, "oldObject": pod})
	}
}

test_a_pod_that_somebody_wrote_is_not_found if {
	debug_copy.findings == set() with input as creates({
		"containers": [{"name": "app"}],
		"volumes": [{"name": "kube-api-access", "emptyDir": {}}],
	})
}

test_what_the_server_adds_to_a_pod_is_not_the_authors if {
	every spec in marks {
		debug_copy.findings == set() with input as object.union(creates(spec), {"sent": {"spec": {}}})
		found := debug_copy.findings with input as object.union(creates(spec), {"sent": {"spec": spec}})
		count(found) == 1
	}
}

test_nothing_is_found_before_the_object_is_known if {
	debug_copy.findings == set() with input as given.request("create", "pods", {})
}
