package sallyport.rules.pod_security.privilege_escalation_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.privilege_escalation

test_a_container_that_does_not_say_so_is_found_in_every_list if {
	every context in [
		{"allowPrivilegeEscalation": true},
		{"allowPrivilegeEscalation": null},
		{},
	] {
		every one in given.with_container_context(context) {
			findings := privilege_escalation.findings with input as given.pod("create", one.spec)
			{f.fields[0] | some f in findings} == {$"{one.path}.allowPrivilegeEscalation"}
		}
	}
}

test_a_container_that_says_so_is_not_found if {
	every context in [{"allowPrivilegeEscalation": false}] {
		every one in given.with_container_context(context) {
			privilege_escalation.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container({"name": "c"}) {
		privilege_escalation.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := privilege_escalation.findings with input as given.pod_update(one.spec, {})
		count(found) == 1
	}
}

test_windows_pods_are_exempt if {
	every one in given.with_container({"name": "c"}) {
		every os, findings in {"windows": 0, "linux": 1} {
			found := privilege_escalation.findings with input as given.pod(
				"create",
				object.union(one.spec, {"os": {"name": os}}),
			)
			count(found) == findings
		}
	}
}
