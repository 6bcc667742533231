package sallyport.rules.workload.host_ipc_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_ipc

test_the_field_is_found_where_it_is_true if {
	every verb in ["create", "update", "patch"] {
		findings := host_ipc.findings with input as given.pod(verb, {"hostIPC": true})
		findings == {{
			"message": "the pod is in the IPC namespace of its node",
			"fields": ["spec.hostIPC"],
		}}
	}
}

test_the_field_is_not_found_where_it_is_false_or_missing if {
	every spec in [{"hostIPC": false}, {"hostIPC": null}, {}] {
		host_ipc.findings == set() with input as given.pod("create", spec)
	}
}

test_what_stood_already_is_not_found_again if {
	spec := {"hostIPC": true}
	host_ipc.findings == set() with input as given.pod_update(spec, spec)
}

test_what_becomes_true_is_found if {
	stored := {"hostIPC": false}
	found := host_ipc.findings with input as given.pod_update({"hostIPC": true}, stored)
	count(found) == 1
}
