package sallyport.rules.workload.capabilities_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.capabilities

test_each_capability_beyond_the_default_is_found_in_every_list if {
	every one in given.with_container_context({"capabilities": {"add": ["CHOWN", "SYS_ADMIN", "NET_RAW"]}}) {
		findings := capabilities.findings with input as given.pod("create", one.spec)
		findings == {
			{"message": "container c adds the capability SYS_ADMIN", "fields": [$"{one.path}.capabilities.add[1]"]},
			{"message": "container c adds the capability NET_RAW", "fields": [$"{one.path}.capabilities.add[2]"]},
		}
	}
}

test_other_spellings_and_all_of_them_are_found if {
	every name in ["ALL", "CAP_SYS_ADMIN", "chown", "", null] {
		every one in given.with_container_context({"capabilities": {"add": [name]}}) {
			found := capabilities.findings with input as given.pod("create", one.spec)
			count(found) == 1
		}
	}
}

test_default_capabilities_and_dropped_ones_are_not_found if {
	harmless := {"capabilities": {"add": ["NET_BIND_SERVICE", "SETUID", "KILL"], "drop": ["ALL"]}}
	every one in given.with_container_context(harmless) {
		capabilities.findings == set() with input as given.pod("create", one.spec)
	}
}

test_a_capability_that_was_added_already_is_not_found_again if {
	stored := {"containers": [{"name": "c", "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}]}
	now := {"containers": [{"name": "c", "securityContext": {"capabilities": {"add": ["SYS_TIME", "NET_ADMIN"]}}}]}
	found := capabilities.findings with input as given.pod_update(now, stored)
	{f.message | some f in found} == {"container c adds the capability SYS_TIME"}
	capabilities.findings == set() with input as given.pod_update(stored, stored)
}
