package sallyport.rules.workload.host_network_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_network

test_the_field_is_found_where_it_is_true if {
	every verb in ["create", "update", "patch"] {
		findings := host_network.findings with input as given.pod(verb, {"hostNetwork": true})
		findings == {{
			"message": "the pod is in the network of its node",
			"fields": ["spec.hostNetwork"],
		}}
	}
}

test_the_field_is_not_found_where_it_is_false_or_missing if {
	every spec in [{"hostNetwork": false}, {"hostNetwork": null}, {}] {
		host_network.findings == set() with input as given.pod("create", spec)
	}
}

test_what_stood_already_is_not_found_again if {
	spec := {"hostNetwork": true}
	host_network.findings == set() with input as given.pod_update(spec, spec)
}

test_what_becomes_true_is_found if {
	stored := {"hostNetwork": false}
	found := host_network.findings with input as given.pod_update({"hostNetwork": true}, stored)
	count(found) == 1
}
