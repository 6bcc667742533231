package sallyport.rules.pod_security.seccomp_required_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.seccomp_required

test_a_container_without_a_profile_is_found_in_every_list if {
	every context in [{"seccompProfile": null}, {}] {
		every one in given.with_container_context(context) {
			findings := seccomp_required.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": "neither the pod nor container c has a seccomp profile",
				"fields": [$"{one.path}.seccompProfile"],
			}}
		}
	}
}

test_another_profile_is_found_on_the_pod_and_in_every_list if {
	every one in given.with_context({"seccompProfile": {"type": "Unconfined"}}) {
		findings := seccomp_required.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $`the seccomp profile of {one.owner} is "Unconfined"`,
			"fields": [$"{one.path}.seccompProfile.type"],
		}}
	}
}

test_a_container_with_a_profile_is_not_found if {
	every type in ["RuntimeDefault", "Localhost"] {
		every one in given.with_container_context({"seccompProfile": {"type": type}}) {
			seccomp_required.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_the_pod_speaks_for_containers_that_say_nothing if {
	every type, findings in {"RuntimeDefault": 0, "Localhost": 0, "Unconfined": 2} {
		every one in given.with_container({"name": "c"}) {
			spec := object.union(one.spec, {"securityContext": {"seccompProfile": {"type": type}}})
			found := seccomp_required.findings with input as given.pod("create", spec)
			count(found) == findings
		}
	}
}

test_windows_pods_are_exempt if {
	every one in given.with_container_context({"seccompProfile": {"type": "Unconfined"}}) {
		every os, findings in {"windows": 0, "linux": 1} {
			found := seccomp_required.findings with input as given.pod("create", object.union(one.spec, {"os": {"name": os}}))
			count(found) == findings
		}
	}
	every one in given.with_container({"name": "c"}) {
		windows := object.union(one.spec, {"os": {"name": "windows"}})
		seccomp_required.findings == set() with input as given.pod("create", windows)
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container({"name": "c"}) {
		seccomp_required.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := seccomp_required.findings with input as given.pod_update(one.spec, {})
		count(found) == 1
	}
	every one in given.with_context({"seccompProfile": {"type": "Unconfined"}}) {
		seccomp_required.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}
