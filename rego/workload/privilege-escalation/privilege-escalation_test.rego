package sallyport.rules.workload.privilege_escalation_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.privilege_escalation

test_an_escalation_that_is_asked_for_is_found_in_every_list if {
	every context in [{"allowPrivilegeEscalation": true}] {
		every one in given.with_container_context(context) {
			findings := privilege_escalation.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": "container c may gain more privileges than it starts with",
				"fields": [$"{one.path}.allowPrivilegeEscalation"],
			}}
		}
	}
}

test_what_is_refused_or_left_to_the_default_is_not_found if {
	every context in [
		{"allowPrivilegeEscalation": false},
		{"allowPrivilegeEscalation": null},
		{},
	] {
		every one in given.with_container_context(context) {
			privilege_escalation.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_asked_for_already_is_not_found_again if {
	every one in given.with_container_context({"allowPrivilegeEscalation": true}) {
		privilege_escalation.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_asks_for_it_now_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false}}]}
	now := {"containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": true}}]}
	found := privilege_escalation.findings with input as given.pod_update(now, stored)
	count(found) == 1
}
