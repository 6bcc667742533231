package sallyport.rules.workload.run_as_root_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.run_as_root

test_user_0_is_found_on_the_pod_and_in_every_list if {
	every context in [{"runAsUser": 0}] {
		every one in given.with_context(context) {
			findings := run_as_root.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": $"{one.owner} runs as user 0",
				"fields": [$"{one.path}.runAsUser"],
			}}
		}
	}
}

test_another_user_or_the_image_s_own_is_not_found if {
	every context in [
		{"runAsUser": 1000},
		{"runAsUser": null},
		{},
	] {
		every one in given.with_context(context) {
			run_as_root.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_ran_as_root_already_is_not_found_again if {
	every one in given.with_context({"runAsUser": 0}) {
		run_as_root.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_root_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"runAsUser": 1000}}]}
	now := {"containers": [{"name": "c", "securityContext": {"runAsUser": 0}}]}
	found := run_as_root.findings with input as given.pod_update(now, stored)
	count(found) == 1
}
