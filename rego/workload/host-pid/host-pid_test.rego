package sallyport.rules.workload.host_pid_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_pid

test_the_field_is_found_where_it_is_true if {
	every verb in ["create", "update", "patch"] {
		findings := host_pid.findings with input as given.pod(verb, {"hostPID": true})
		findings == {{
			"message": "the pod is in the process namespace of its node",
			"fields": ["spec.hostPID"],
		}}
	}
}

test_the_field_is_not_found_where_it_is_false_or_missing if {
	every spec in [{"hostPID": false}, {"hostPID": null}, {}] {
		host_pid.findings == set() with input as given.pod("create", spec)
	}
}

test_what_stood_already_is_not_found_again if {
	spec := {"hostPID": true}
	host_pid.findings == set() with input as given.pod_update(spec, spec)
}

test_what_becomes_true_is_found if {
	stored := {"hostPID": false}
	found := host_pid.findings with input as given.pod_update({"hostPID": true}, stored)
	count(found) == 1
}
