package sallyport.rules.persistence.daemon_set_test

import data.sallyport.lib.given
import data.sallyport.rules.persistence.daemon_set

spec(annotations) := {"template": {
	"metadata": object.union({"labels": {"app": "agent"}}, annotations),
	"spec": {"containers": [{"name": "agent"}]},
}}

writes(verb, facts) := given.request(verb, "daemonsets", facts)

test_a_daemon_set_is_found if {
	deeds := {"create": "creates", "update": "replaces", "patch": "patches"}
	every verb, deed in deeds {
		daemon_set.findings == {{
			"message": $"{deed} daemonsets shop/db, which runs on every node",
			"fields": ["spec"],
		}} with input as writes(verb, {"object": {"spec": spec({})}, "oldObject": null})
	}
}

test_one_of_which_nothing_is_known_yet_is_found if {
	found := daemon_set.findings with input as writes("patch", {})
	count(found) == 1
}

test_changing_what_it_runs_is_found if {
	every changed in [
		spec({"annotations": {"sidecar": "yes"}}),
		{"template": {"spec": {"containers": []}}},
		object.union(spec({}), {"updateStrategy": {"type": "OnDelete"}}),
	] {
		found := daemon_set.findings with input as writes("patch", {
			"object": {"spec": changed},
			"oldObject": {"spec": spec({})},
		})
		count(found) == 1
	}
}

test_restarting_it_is_not_found if {
	restarted := spec({"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-22T10:00:00Z"}})
	daemon_set.findings == set() with input as writes("patch", {
		"object": {"spec": restarted},
		"oldObject": {"spec": spec({})},
	})
}

test_labelling_it_is_not_found if {
	daemon_set.findings == set() with input as writes("patch", {
		"object": {"metadata": {"labels": {"a": "b"}}, "spec": spec({})},
		"oldObject": {"spec": spec({})},
	})
}
