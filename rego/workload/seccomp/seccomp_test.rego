package sallyport.rules.workload.seccomp_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.seccomp

test_an_unconfined_pod_or_container_is_found if {
	every context in [{"seccompProfile": {"type": "Unconfined"}}] {
		every one in given.with_context(context) {
			findings := seccomp.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": $`the seccomp profile of {one.owner} is "Unconfined"`,
				"fields": [$"{one.path}.seccompProfile.type"],
			}}
		}
	}
}

test_a_profile_of_the_runtime_or_the_node_is_not_found if {
	every context in [
		{"seccompProfile": {"type": "RuntimeDefault"}},
		{"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}},
		{"seccompProfile": null},
		{},
	] {
		every one in given.with_context(context) {
			seccomp.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_unconfined_already_is_not_found_again if {
	every one in given.with_context({"seccompProfile": {"type": "Unconfined"}}) {
		seccomp.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_unconfined_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]}
	now := {"containers": [{"name": "c", "securityContext": {"seccompProfile": {"type": "Unconfined"}}}]}
	found := seccomp.findings with input as given.pod_update(now, stored)
	count(found) == 1
}

test_a_profile_without_a_type_is_found if {
	spec := {"securityContext": {"seccompProfile": {}}}
	every input_document in [given.pod("create", spec), given.pod_update(spec, {})] {
		found := seccomp.findings with input as input_document
		count(found) == 1
	}
}
