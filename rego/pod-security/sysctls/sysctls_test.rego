package sallyport.rules.pod_security.sysctls_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.sysctls

sets(name) := {"securityContext": {"sysctls": [{"name": name, "value": "1"}]}}

test_what_the_standard_forbids_is_found if {
	findings := sysctls.findings with input as given.pod("create", sets("kernel.sem"))
	findings == {{"message": "the pod sets the sysctl kernel.sem", "fields": ["spec.securityContext.sysctls[0].name"]}}
}

test_what_the_standard_allows_is_not_found if {
	sysctls.findings == set() with input as given.pod("create", sets("net.ipv4.tcp_rmem"))
	sysctls.findings == set() with input as given.pod("create", {"securityContext": {"sysctls": []}})
}

test_a_template_that_changes_is_judged_whole if {
	sysctls.findings == set() with input as given.pod_update(sets("kernel.sem"), sets("kernel.sem"))
	found := sysctls.findings with input as given.pod_update(sets("kernel.sem"), {})
	count(found) == 1
}
