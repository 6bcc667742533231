package sallyport.rules.pod_security.run_as_user_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.run_as_user

forbidden := {"runAsUser": 0}

test_what_the_standard_forbids_is_found if {
	every one in given.with_context(forbidden) {
		findings := run_as_user.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $"{one.owner} runs as user 0",
			"fields": [$"{one.path}.runAsUser"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"runAsUser": 1},
		{"runAsUser": null},
		{},
	] {
		every one in given.with_context(allowed) {
			run_as_user.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_context(forbidden) {
		run_as_user.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := run_as_user.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}

test_any_user_is_allowed_in_a_user_namespace if {
	every one in given.with_context({"runAsUser": 0}) {
		spec := object.union(one.spec, {"hostUsers": false})
		run_as_user.findings == set() with input as given.pod("create", spec)
	}
}
