package sallyport.rules.workload.proc_mount_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.proc_mount

test_an_unmasked_proc_is_found_in_every_list if {
	every context in [{"procMount": "Unmasked"}] {
		every one in given.with_container_context(context) {
			findings := proc_mount.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": "container c has a /proc that is Unmasked",
				"fields": [$"{one.path}.procMount"],
			}}
		}
	}
}

test_the_default_mask_is_not_found if {
	every context in [
		{"procMount": "Default"},
		{"procMount": null},
		{},
	] {
		every one in given.with_container_context(context) {
			proc_mount.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_unmasked_already_is_not_found_again if {
	every one in given.with_container_context({"procMount": "Unmasked"}) {
		proc_mount.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_unmasked_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"procMount": "Default"}}]}
	now := {"containers": [{"name": "c", "securityContext": {"procMount": "Unmasked"}}]}
	found := proc_mount.findings with input as given.pod_update(now, stored)
	count(found) == 1
}
