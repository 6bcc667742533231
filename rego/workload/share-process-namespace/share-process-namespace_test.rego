package sallyport.rules.workload.share_process_namespace_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.share_process_namespace

test_the_field_is_found_where_it_is_true if {
	every verb in ["create", "update", "patch"] {
		findings := share_process_namespace.findings with input as given.pod(verb, {"shareProcessNamespace": true})
		findings == {{
			"message": "the pod shares one process namespace among its containers",
			"fields": ["spec.shareProcessNamespace"],
		}}
	}
}

test_the_field_is_not_found_where_it_is_false_or_missing if {
	every spec in [{"shareProcessNamespace": false}, {"shareProcessNamespace": null}, {}] {
		share_process_namespace.findings == set() with input as given.pod("create", spec)
	}
}

test_what_stood_already_is_not_found_again if {
	spec := {"shareProcessNamespace": true}
	share_process_namespace.findings == set() with input as given.pod_update(spec, spec)
}

test_what_becomes_true_is_found if {
	stored := {"shareProcessNamespace": false}
	found := share_process_namespace.findings with input as given.pod_update({"shareProcessNamespace": true}, stored)
	count(found) == 1
}
