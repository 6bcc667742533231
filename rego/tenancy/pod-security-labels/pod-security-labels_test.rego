package sallyport.rules.tenancy.pod_security_labels_test

import data.sallyport.lib.given
import data.sallyport.rules.tenancy.pod_security_labels

enforce := "pod-security.kubernetes.io/enforce"

labelled(labels) := {"metadata": {"labels": labels}}

of(verb, facts) := given.request(verb, "namespaces", object.union(
	{"request": {"namespace": "shop", "name": "shop"}},
	facts,
))

test_a_level_that_admits_more_is_found_when_set_and_when_changed if {
	every facts in [
		{"object": labelled({enforce: "privileged"})},
		{"object": labelled({enforce: "privileged"}), "oldObject": null},
		{"object": labelled({enforce: "privileged"}), "oldObject": labelled({})},
		{"object": labelled({enforce: "privileged"}), "oldObject": labelled({enforce: "restricted"})},
	] {
		pod_security_labels.findings == {{
			"message": $"sets {enforce} of namespaces shop to privileged",
			"fields": [$"metadata.labels['{enforce}']"],
		}} with input as of("patch", facts)
	}
}

test_a_label_that_is_taken_away_is_found if {
	every facts in [
		{"object": labelled({}), "oldObject": labelled({enforce: "restricted"})},
		{"object": labelled({enforce: null}), "oldObject": labelled({enforce: "restricted"})},
		{"object": labelled({enforce: null})},
	] {
		pod_security_labels.findings == {{
			"message": $"takes {enforce} from namespaces shop",
			"fields": [$"metadata.labels['{enforce}']"],
		}} with input as of("update", facts)
	}
}

test_every_mode_counts_and_so_does_its_version if {
	every mode in ["enforce", "audit", "warn", "enforce-version"] {
		label := $"pod-security.kubernetes.io/{mode}"
		found := pod_security_labels.findings with input as of("create", {"object": labelled({label: "v1.20"})})
		count(found) == 1
	}
}

test_the_strictest_level_unchanged_labels_and_others_are_not_found if {
	every facts in [
		{},
		{"object": labelled({"team": "shop"})},
		{"object": labelled({enforce: "restricted", "pod-security.kubernetes.io/enforce-version": "latest"})},
		{"object": labelled({enforce: "baseline"}), "oldObject": labelled({enforce: "baseline"})},
		{"object": labelled({}), "oldObject": labelled({"team": "shop"})},
		{"oldObject": labelled({enforce: "baseline"})},
	] {
		pod_security_labels.findings == set() with input as of("patch", facts)
	}
}
