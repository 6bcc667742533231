package sallyport.rules.pod_security.proc_mount_default_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.proc_mount_default

forbidden := {"procMount": "Unmasked"}

test_what_the_standard_forbids_is_found if {
	every one in given.with_container_context(forbidden) {
		findings := proc_mount_default.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c has a /proc that is Unmasked",
			"fields": [$"{one.path}.procMount"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"procMount": "Default"},
		{"procMount": null},
		{},
	] {
		every one in given.with_container_context(allowed) {
			proc_mount_default.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container_context(forbidden) {
		proc_mount_default.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := proc_mount_default.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}

test_no_other_type_is_allowed_in_a_user_namespace if {
	every one in given.with_container_context({"procMount": "Unmasked"}) {
		found := proc_mount_default.findings with input as given.pod("create", object.union(one.spec, {"hostUsers": false}))
		count(found) == 1
	}
}
