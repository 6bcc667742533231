package sallyport.rules.pod_security.run_as_non_root_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.run_as_non_root

test_a_container_that_does_not_say_so_is_found_in_every_list if {
	every context in [
		{"runAsNonRoot": false},
		{"runAsNonRoot": null},
		{},
	] {
		every one in given.with_container_context(context) {
			findings := run_as_non_root.findings with input as given.pod("create", one.spec)
			{f.fields[0] | some f in findings} == {$"{one.path}.runAsNonRoot"}
		}
	}
}

test_a_container_that_says_so_is_not_found if {
	every context in [{"runAsNonRoot": true}] {
		every one in given.with_container_context(context) {
			run_as_non_root.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container({"name": "c"}) {
		run_as_non_root.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := run_as_non_root.findings with input as given.pod_update(one.spec, {})
		count(found) == 1
	}
}

test_the_pod_speaks_for_containers_that_say_nothing if {
	every value, findings in {"true": 0, "false": 2, "null": 1} {
		every one in given.with_container({"name": "c"}) {
			spec := object.union(one.spec, {"securityContext": {"runAsNonRoot": json.unmarshal(value)}})
			found := run_as_non_root.findings with input as given.pod("create", spec)
			count(found) == findings
		}
	}
}

test_a_container_overrides_its_pod if {
	every one in given.with_container_context({"runAsNonRoot": false}) {
		spec := object.union(one.spec, {"securityContext": {"runAsNonRoot": true}})
		findings := run_as_non_root.findings with input as given.pod("create", spec)
		findings == {{"message": "container c sets runAsNonRoot to false", "fields": [$"{one.path}.runAsNonRoot"]}}
	}
}

test_any_user_is_allowed_in_a_user_namespace if {
	every one in given.with_context({"runAsNonRoot": false}) {
		spec := object.union(one.spec, {"hostUsers": false})
		run_as_non_root.findings == set() with input as given.pod("create", spec)
	}
	every one in given.with_container({"name": "c"}) {
		spec := object.union(one.spec, {"hostUsers": false})
		run_as_non_root.findings == set() with input as given.pod("create", spec)
	}
}
