package sallyport.rules.destruction.scale_to_zero_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.scale_to_zero

scales(verb, scale) := given.request(verb, "deployments", {
	"request": {"subResource": "scale"},
	"object": scale,
	"oldObject": {"spec": {"replicas": 3}},
})

stops := {{"message": "stops deployments shop/db: no replica is left", "fields": ["spec.replicas"]}}

test_scaling_to_zero_is_found_by_patch_and_by_update if {
	every verb in ["patch", "update"] {
		every spec in [{"replicas": 0}, {}, {"replicas": null}] {
			scale_to_zero.findings == stops with input as scales(verb, {"spec": spec})
		}
	}
}

test_scaling_to_anything_else_is_not_found if {
	every replicas in [1, 3, 10] {
		scale_to_zero.findings == set() with input as scales("patch", {"spec": {"replicas": replicas}})
	}
}

test_nothing_is_found_before_the_object_is_known if {
	scale_to_zero.findings == set() with input as given.request(
		"patch", "deployments",
		{"request": {"subResource": "scale"}},
	)
}

writes(replicas, facts) := given.request("patch", "deployments", object.union(
	{"object": {"spec": {"replicas": replicas}}},
	facts,
))

test_a_write_of_the_object_that_leaves_no_replica_is_found if {
	scale_to_zero.findings == stops with input as writes(0, {"oldObject": {"spec": {"replicas": 1}}})
	scale_to_zero.findings == stops with input as writes(0, {"oldObject": {"spec": {}}})
	scale_to_zero.findings == stops with input as writes(0, {})
	scale_to_zero.findings == set() with input as writes(2, {"oldObject": {"spec": {"replicas": 1}}})
}

test_a_new_object_is_not_found if {
	scale_to_zero.findings == set() with input as writes(0, {"oldObject": null})
}

test_what_has_no_replica_already_is_not_found_again if {
	scale_to_zero.findings == set() with input as writes(0, {"oldObject": {"spec": {"replicas": 0}}})
}

test_an_object_that_does_not_say_its_replicas_is_not_found if {
	scale_to_zero.findings == set() with input as given.request("update", "deployments", {"object": {"spec": {}}})
}
