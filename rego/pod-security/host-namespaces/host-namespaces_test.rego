package sallyport.rules.pod_security.host_namespaces_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.host_namespaces

test_what_the_standard_forbids_is_found if {
	every name in ["hostNetwork", "hostPID", "hostIPC"] {
		findings := host_namespaces.findings with input as given.pod("create", {name: true})
		findings == {{"message": $"the pod sets {name}", "fields": [$"spec.{name}"]}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every value in [false, null] {
		every name in ["hostNetwork", "hostPID", "hostIPC"] {
			host_namespaces.findings == set() with input as given.pod("create", {name: value})
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	stored := {"hostPID": true}
	host_namespaces.findings == set() with input as given.pod_update(stored, stored)
	found := host_namespaces.findings with input as given.pod_update({"hostPID": true, "dnsPolicy": "Default"}, stored)
	count(found) == 1
}
