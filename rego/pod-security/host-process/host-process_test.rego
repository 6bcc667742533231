package sallyport.rules.pod_security.host_process_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.host_process

forbidden := {"windowsOptions": {"hostProcess": true}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_context(forbidden) {
		findings := host_process.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $"{one.owner} runs as a process of its Windows node",
			"fields": [$"{one.path}.windowsOptions.hostProcess"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"windowsOptions": {"hostProcess": false}},
		{"windowsOptions": {}},
		{},
	] {
		every one in given.with_context(allowed) {
			host_process.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_context(forbidden) {
		host_process.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := host_process.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
