package sallyport.rules.persistence.cron_job_test

import data.sallyport.lib.given
import data.sallyport.rules.persistence.cron_job

spec := {"schedule": "0 * * * *", "suspend": false, "jobTemplate": {"spec": {}}}

writes(verb, facts) := given.request(verb, "cronjobs", facts)

test_a_cron_job_is_found_with_its_schedule if {
	deeds := {"create": "creates", "update": "replaces", "patch": "patches"}
	every verb, deed in deeds {
		cron_job.findings == {{
			"message": $"{deed} cronjobs shop/db, which starts at 0 * * * *",
			"fields": ["spec"],
		}} with input as writes(verb, {"object": {"spec": spec}, "oldObject": null})
	}
}

test_one_of_which_nothing_is_known_yet_is_found if {
	cron_job.findings == {{
		"message": "patches cronjobs shop/db, which starts at a schedule that is not known",
		"fields": ["spec"],
	}} with input as writes("patch", {})
}

test_changing_what_it_runs_or_when_is_found if {
	changes := [{"schedule": "* * * * *"}, {"jobTemplate": {"spec": {"backoffLimit": 1}}}]
	every change in changes {
		found := cron_job.findings with input as writes("patch", {
			"object": {"spec": object.union(spec, change)},
			"oldObject": {"spec": spec},
		})
		count(found) == 1
	}
}

test_changing_nothing_that_runs_is_not_found if {
	cron_job.findings == set() with input as writes("patch", {
		"object": {"metadata": {"labels": {"a": "b"}}, "spec": spec},
		"oldObject": {"metadata": {}, "spec": spec},
	})
}

suspended := object.union(spec, {"suspend": true})

test_suspending_is_not_found_and_resuming_is if {
	cron_job.findings == set() with input as writes("patch", {
		"object": {"spec": suspended},
		"oldObject": {"spec": spec},
	})
	found := cron_job.findings with input as writes("patch", {
		"object": {"spec": spec},
		"oldObject": {"spec": suspended},
	})
	count(found) == 1
}
