package sallyport.rules.workload.host_process_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_process

test_a_host_process_is_found_on_the_pod_and_in_every_list if {
	every context in [{"windowsOptions": {"hostProcess": true}}] {
		every one in given.with_context(context) {
			findings := host_process.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": $"{one.owner} runs as a process of its Windows node",
				"fields": [$"{one.path}.windowsOptions.hostProcess"],
			}}
		}
	}
}

test_an_isolated_container_is_not_found if {
	every context in [
		{"windowsOptions": {"hostProcess": false}},
		{"windowsOptions": {"hostProcess": null, "runAsUserName": "ContainerUser"}},
		{"windowsOptions": null},
		{},
	] {
		every one in given.with_context(context) {
			host_process.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_one_already_is_not_found_again if {
	every one in given.with_context({"windowsOptions": {"hostProcess": true}}) {
		host_process.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_one_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"windowsOptions": {"hostProcess": false}}}]}
	now := {"containers": [{"name": "c", "securityContext": {"windowsOptions": {"hostProcess": true}}}]}
	found := host_process.findings with input as given.pod_update(now, stored)
	count(found) == 1
}
