package sallyport.rules.pod_security.capabilities_dropped_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.capabilities_dropped

test_a_container_that_does_not_say_so_is_found_in_every_list if {
	every context in [
		{"capabilities": {"drop": ["all"]}},
		{"capabilities": {"drop": ["KILL"], "add": ["NET_BIND_SERVICE"]}},
		{"capabilities": null},
		{},
	] {
		every one in given.with_container_context(context) {
			findings := capabilities_dropped.findings with input as given.pod("create", one.spec)
			{f.fields[0] | some f in findings} == {$"{one.path}.capabilities.drop"}
		}
	}
}

test_a_container_that_says_so_is_not_found if {
	every context in [
		{"capabilities": {"drop": ["ALL"]}},
		{"capabilities": {"drop": ["KILL", "ALL"], "add": ["NET_BIND_SERVICE"]}},
	] {
		every one in given.with_container_context(context) {
			capabilities_dropped.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container({"name": "c"}) {
		capabilities_dropped.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := capabilities_dropped.findings with input as given.pod_update(one.spec, {})
		count(found) == 1
	}
}

test_windows_pods_are_exempt if {
	every one in given.with_container({"name": "c"}) {
		every os, findings in {"windows": 0, "linux": 1} {
			found := capabilities_dropped.findings with input as given.pod(
				"create",
				object.union(one.spec, {"os": {"name": os}}),
			)
			count(found) == findings
		}
	}
}

test_any_other_capability_that_is_added_is_found if {
	every one in given.with_container_context({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}) {
		findings := capabilities_dropped.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c adds the capability CHOWN",
			"fields": [$"{one.path}.capabilities.add[0]"],
		}}
		windows := object.union(one.spec, {"os": {"name": "windows"}})
		capabilities_dropped.findings == set() with input as given.pod("create", windows)
	}
}
