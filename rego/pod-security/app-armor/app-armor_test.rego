package sallyport.rules.pod_security.app_armor_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.app_armor

forbidden := {"appArmorProfile": {"type": "Unconfined"}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_context(forbidden) {
		findings := app_armor.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": $`the AppArmor profile of {one.owner} is "Unconfined"`,
			"fields": [$"{one.path}.appArmorProfile.type"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"appArmorProfile": {"type": "RuntimeDefault"}},
		{"appArmorProfile": {"type": "Localhost"}},
		{"appArmorProfile": null},
		{},
	] {
		every one in given.with_context(allowed) {
			app_armor.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_context(forbidden) {
		app_armor.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := app_armor.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}

name := "container.apparmor.security.beta.kubernetes.io/c"

with_annotation(value, spec, key) := {key: {"metadata": {"annotations": {name: value}}, "spec": spec}}

test_an_annotation_is_found_and_allowed_as_the_field_is if {
	every value, findings in {"unconfined": 1, "other": 1, "runtime/default": 0, "localhost/p": 0, "": 0} {
		found := app_armor.findings with input as object.union(
			given.pod("create", {}),
			with_annotation(value, {}, "object"),
		)
		count(found) == findings
	}
}

test_an_annotation_is_judged_where_it_or_the_template_changes if {
	before := with_annotation("unconfined", {}, "oldObject")
	same := object.union_n([given.pod("update", {}), with_annotation("unconfined", {}, "object"), before])
	app_armor.findings == set() with input as same
	every changed in [
		object.union(same, {"podSpecs": [{"path": "spec", "spec": {"hostPID": true}}]}),
		object.union(same, with_annotation("runtime/default", {}, "oldObject")),
	] {
		findings := app_armor.findings with input as changed
		findings == {{
			"message": `an annotation sets the AppArmor profile "unconfined"`,
			"fields": [$"metadata.annotations['{name}']"],
		}}
	}
}
