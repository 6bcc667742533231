package sallyport.rules.pod_security.privileged_containers_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.privileged_containers

forbidden := {"privileged": true}

test_what_the_standard_forbids_is_found if {
	every one in given.with_container_context(forbidden) {
		findings := privileged_containers.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c is privileged",
			"fields": [$"{one.path}.privileged"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"privileged": false},
		{"privileged": null},
		{},
	] {
		every one in given.with_container_context(allowed) {
			privileged_containers.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container_context(forbidden) {
		privileged_containers.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := privileged_containers.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
