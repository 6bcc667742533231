package sallyport.rules.pod_security.selinux_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.selinux

forbidden := {"seLinuxOptions": {"user": "system_u"}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_context(forbidden) {
		findings := selinux.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $"{one.owner} sets the SELinux user system_u",
			"fields": [$"{one.path}.seLinuxOptions.user"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"seLinuxOptions": {"type": "container_t"}},
		{"seLinuxOptions": {"type": "container_engine_t", "level": "s0"}},
		{"seLinuxOptions": {"type": ""}},
		{},
	] {
		every one in given.with_context(allowed) {
			selinux.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_context(forbidden) {
		selinux.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := selinux.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
