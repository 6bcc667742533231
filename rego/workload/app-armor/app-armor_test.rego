package sallyport.rules.workload.app_armor_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.app_armor

test_an_unconfined_pod_or_container_is_found if {
	every context in [{"appArmorProfile": {"type": "Unconfined"}}] {
		every one in given.with_context(context) {
			findings := app_armor.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": $`the AppArmor profile of {one.owner} is "Unconfined"`,
				"fields": [$"{one.path}.appArmorProfile.type"],
			}}
		}
	}
}

test_a_profile_of_the_runtime_or_the_node_is_not_found if {
	every context in [
		{"appArmorProfile": {"type": "RuntimeDefault"}},
		{"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}},
		{"appArmorProfile": null},
		{},
	] {
		every one in given.with_context(context) {
			app_armor.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_was_unconfined_already_is_not_found_again if {
	every one in given.with_context({"appArmorProfile": {"type": "Unconfined"}}) {
		app_armor.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_a_container_that_becomes_unconfined_is_found if {
	stored := {"containers": [{"name": "c", "securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}]}
	now := {"containers": [{"name": "c", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}]}
	found := app_armor.findings with input as given.pod_update(now, stored)
	count(found) == 1
}

annotated(value) := {"object": {"metadata": {"annotations": {
	"container.apparmor.security.beta.kubernetes.io/c": value,
	"example.com/profile": "unconfined",
}}}}

test_an_annotation_that_unconfines_is_found if {
	findings := app_armor.findings with input as object.union(given.pod("create", {}), annotated("unconfined"))
	findings == {{
		"message": `an annotation sets the AppArmor profile "unconfined"`,
		"fields": ["metadata.annotations['container.apparmor.security.beta.kubernetes.io/c']"],
	}}
}

test_the_annotation_of_a_template_is_the_template_s_own if {
	name := "container.apparmor.security.beta.kubernetes.io/c"
	template := {"metadata": {"annotations": {name: "unconfined"}}, "spec": {}}
	findings := app_armor.findings with input as given.request("create", "deployments", {
		"object": {"spec": {"template": template}},
		"podSpecs": [{"path": "spec.template.spec", "spec": {}}],
	})
	{f.fields[0] | some f in findings} == {$"spec.template.metadata.annotations['{name}']"}
}

test_an_annotation_with_an_allowed_profile_is_not_found if {
	every value in [null, "", "runtime/default", "localhost/shop"] {
		app_armor.findings == set() with input as object.union(given.pod("create", {}), annotated(value))
	}
}

test_an_annotation_that_stood_already_is_not_found_again if {
	stored := {"oldObject": annotated("unconfined").object}
	app_armor.findings == set() with input as object.union_n([
		given.pod("update", {}),
		annotated("unconfined"),
		stored,
	])
}
