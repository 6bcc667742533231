package sallyport.lib.pods_test

import data.sallyport.lib.given
import data.sallyport.lib.pods

template := "spec.template.spec"

deployment(spec) := {"spec": {"template": {"metadata": {"annotations": {"a": "1"}}, "spec": spec}}}

written(verb, spec, changes) := object.union(
	given.request(verb, "deployments", {
		"object": deployment(spec),
		"podSpecs": [{"path": template, "spec": spec}],
	}),
	changes,
)

spec := {
	"containers": [{"name": "a"}, {"name": "b"}],
	"initContainers": [{"name": "a", "image": "i"}],
	"ephemeralContainers": [{"name": "e"}],
}

test_every_container_of_every_list_is_named_by_its_path if {
	found := pods.containers with input as written("create", spec, {})
	[[c.path, c.kind, c.container.name, c.pod.path] | some c in found] == [
		["spec.template.spec.containers[0]", "containers", "a", template],
		["spec.template.spec.containers[1]", "containers", "b", template],
		["spec.template.spec.initContainers[0]", "initContainers", "a", template],
		["spec.template.spec.ephemeralContainers[0]", "ephemeralContainers", "e", template],
	]
}

test_before_is_the_stored_container_of_the_same_name_and_list if {
	stored := {"containers": [{"name": "b", "image": "old"}, {"name": "e"}], "initContainers": [{"name": "b"}]}
	found := pods.containers with input as written("update", spec, {"oldObject": deployment(stored)})
	[c.before | some c in found] == [{}, {"name": "b", "image": "old"}, {}, {}]
}

test_there_is_no_before_where_nothing_is_stored if {
	every nothing in [{}, {"oldObject": null}] {
		found := pods.containers with input as written("update", spec, nothing)
		[c.before | some c in found] == [{}, {}, {}, {}]
		pods.before(template) == {} with input as written("update", spec, nothing)
	}
}

test_the_stored_template_is_that_of_the_same_path if {
	changes := {"oldObject": deployment({"hostPID": true})}
	pods.before(template) == {"hostPID": true} with input as written("patch", spec, changes)
	pods.before("spec") == {} with input as written("patch", spec, changes)
}

test_a_template_in_a_list_of_a_custom_resource_has_its_stored_one if {
	path := `spec.templates[1]['my.\'pod'].spec`
	stored := {"spec": {"templates": [{}, {"my.'pod": {"spec": {"hostIPC": true}}}]}}
	before := pods.before(path) with input as given.request("update", "workflows", {
		"podSpecs": [{"path": path, "spec": {}}],
		"oldObject": stored,
	})
	before == {"hostIPC": true}
}

test_annotations_are_those_of_the_template if {
	pod := {"path": template, "spec": spec}
	pods.annotations(pod) == {"a": "1"} with input as written("create", spec, {})
	pods.annotations_before(pod) == {} with input as written("create", spec, {})
	pods.annotations_before(pod) == {"a": "1"} with input as written("update", spec, {"oldObject": deployment(spec)})
	pods.annotations({"path": "spec", "spec": spec}) == {"b": "2"} with input as {"object": {
		"metadata": {"annotations": {"b": "2"}},
		"spec": {},
	}}
	pods.annotations(pod) == {} with input as {"podSpecs": []}
}

test_nothing_is_written_by_a_scale_or_a_status if {
	every subresource in ["scale", "status"] {
		changes := {"request": {"subResource": subresource}}
		not pods.written with input as written("update", spec, changes)
		pods.containers == [] with input as written("update", spec, changes)
	}
	not pods.written with input as written("delete", spec, {})
}

test_metadata_is_none_where_the_object_is_none if {
	pod := {"path": template, "spec": spec}
	pods.annotations_before(pod) == {} with input as written("update", spec, {"oldObject": null})
}

test_a_template_is_changed_where_its_spec_is_another if {
	stored := {"oldObject": deployment(spec)}
	pods.changed == set() with input as written("patch", spec, stored)
	pods.changed == {template} with input as written("patch", {"hostPID": true}, stored)
	pods.changed == {template} with input as written("create", spec, {})
}

test_containers_of_custom_resources_have_other_names_too if {
	spec_of_many := {
		"containers": [{"name": "a"}],
		"steps": [{"name": "s"}],
		"sidecars": [{"name": "d"}],
		"container": {"image": "i"},
		"script": "echo",
		"stepTemplate": {"image": "t"},
	}
	workflow := {
		"request": {"resource": {"group": "argoproj.io"}},
		"oldObject": deployment({"container": {"image": "old"}}),
	}
	found := pods.containers with input as written("update", spec_of_many, workflow)
	[[c.path, c.before] | some c in found] == [
		["spec.template.spec.containers[0]", {}],
		["spec.template.spec.steps[0]", {}],
		["spec.template.spec.sidecars[0]", {}],
		["spec.template.spec.container", {"image": "old"}],
		["spec.template.spec.stepTemplate", {}],
	]
	built_in := pods.containers with input as written("update", spec_of_many, {})
	[c.path | some c in built_in] == ["spec.template.spec.containers[0]"]
}

test_an_owner_is_named_where_it_has_a_name if {
	pods.owner({"container": {"name": "c"}}) == "container c"
	pods.owner({"container": {"image": "i"}}) == "the container"
	pods.owner({"pod": {}}) == "the pod"
}
