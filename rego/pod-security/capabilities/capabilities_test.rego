package sallyport.rules.pod_security.capabilities_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.capabilities

forbidden := {"capabilities": {"add": ["NET_RAW"]}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_container_context(forbidden) {
		findings := capabilities.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c adds the capability NET_RAW",
			"fields": [$"{one.path}.capabilities.add[0]"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"capabilities": {"add": ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"]}},
		{"capabilities": {"add": ["NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]}},
		{"capabilities": {"drop": ["ALL"]}},
		{},
	] {
		every one in given.with_container_context(allowed) {
			capabilities.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container_context(forbidden) {
		capabilities.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := capabilities.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
