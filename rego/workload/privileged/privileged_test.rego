package sallyport.rules.workload.privileged_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.privileged

test_a_privileged_container_is_found_in_every_list if {
	every one in given.with_container_context({"privileged": true}) {
		findings := privileged.findings with input as given.pod("create", one.spec)
		findings == {{"message": "container c is privileged", "fields": [$"{one.path}.privileged"]}}
	}
}

test_a_container_that_is_not_privileged_is_not_found if {
	every value in [false, null] {
		every one in given.with_container_context({"privileged": value}) {
			privileged.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_privileged_already_is_not_found_again if {
	every one in given.with_container_context({"privileged": true}) {
		privileged.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_privileged_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"privileged": false}}]}
	found := privileged.findings with input as given.pod_update(
		{"containers": [{"name": "c", "securityContext": {"privileged": true}}]},
		stored,
	)
	count(found) == 1
}
