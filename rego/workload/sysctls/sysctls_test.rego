package sallyport.rules.workload.sysctls_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.sysctls

set_to(name, value) := {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}, {
	"name": name,
	"value": value,
}]}}

test_a_sysctl_that_is_not_known_to_be_safe_is_found if {
	findings := sysctls.findings with input as given.pod("create", set_to("kernel.msgmax", "65536"))
	findings == {{"message": "the pod sets the sysctl kernel.msgmax", "fields": ["spec.securityContext.sysctls[1]"]}}
}

test_a_sysctl_without_a_name_is_found if {
	found := sysctls.findings with input as given.pod("create", {"securityContext": {"sysctls": [{"value": "1"}]}})
	count(found) == 1
}

test_safe_sysctls_are_not_found if {
	every name in [
		"kernel.shm_rmid_forced",
		"net.ipv4.ip_local_port_range",
		"net.ipv4.ip_local_reserved_ports",
		"net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ping_group_range",
		"net.ipv4.tcp_fin_timeout",
		"net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_keepalive_time",
		"net.ipv4.tcp_rmem",
		"net.ipv4.tcp_wmem",
	] {
		sysctls.findings == set() with input as given.pod("create", set_to(name, "1"))
	}
}

test_a_sysctl_that_was_set_already_is_not_found_again if {
	spec := set_to("kernel.msgmax", "65536")
	sysctls.findings == set() with input as given.pod_update(spec, spec)
}

test_another_value_than_before_is_found if {
	found := sysctls.findings with input as given.pod_update(
		set_to("kernel.msgmax", "65536"),
		set_to("kernel.msgmax", "8192"),
	)
	count(found) == 1
}
