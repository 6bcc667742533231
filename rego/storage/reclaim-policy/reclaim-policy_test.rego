package sallyport.rules.storage.reclaim_policy_test

import data.sallyport.lib.given
import data.sallyport.rules.storage.reclaim_policy

volume(policy) := {"spec": {"persistentVolumeReclaimPolicy": policy}}

test_a_policy_that_deletes_is_found if {
	every policy in ["Delete", "Recycle"] {
		reclaim_policy.findings == {{
			"message": $"has the data deleted with what uses it: spec.persistentVolumeReclaimPolicy is {policy}",
			"fields": ["spec.persistentVolumeReclaimPolicy"],
		}} with input as given.request("patch", "persistentvolumes", {
			"object": volume(policy),
			"oldObject": volume("Retain"),
		})
	}
}

test_each_kind_that_has_one_is_found if {
	objects := {
		"storageclasses": {"reclaimPolicy": "Delete"},
		"volumesnapshotclasses": {"deletionPolicy": "Delete"},
		"volumesnapshotcontents": {"spec": {"deletionPolicy": "Delete"}},
		"statefulsets": {"spec": {"persistentVolumeClaimRetentionPolicy": {
			"whenDeleted": "Delete",
			"whenScaled": "Retain",
		}}},
	}
	every resource, created in objects {
		found := reclaim_policy.findings with input as given.request("create", resource, {"object": created})
		count(found) == 1
	}
}

test_keeping_what_is_stored_is_not_found if {
	reclaim_policy.findings == set() with input as given.request("patch", "persistentvolumes", {
		"object": volume("Retain"),
		"oldObject": volume("Delete"),
	})
}

test_the_policy_of_before_is_not_found_again if {
	reclaim_policy.findings == set() with input as given.request("patch", "persistentvolumes", {
		"object": volume("Delete"),
		"oldObject": volume("Delete"),
	})
}

test_a_stateful_set_that_says_nothing_is_not_found if {
	reclaim_policy.findings == set() with input as given.request("create", "statefulsets", {"object": {"spec": {}}})
}
