package sallyport.rules.pod_security.seccomp_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.seccomp

forbidden := {"seccompProfile": {"type": "Unconfined"}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_context(forbidden) {
		findings := seccomp.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $`the seccomp profile of {one.owner} is "Unconfined"`,
			"fields": [$"{one.path}.seccompProfile.type"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"seccompProfile": {"type": "RuntimeDefault"}},
		{"seccompProfile": {"type": "Localhost"}},
		{"seccompProfile": null},
		{},
	] {
		every one in given.with_context(allowed) {
			seccomp.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_context(forbidden) {
		seccomp.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := seccomp.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
