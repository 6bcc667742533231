package sallyport.rules.workload.host_path_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_path

root := {"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "host", "hostPath": {"path": "/"}}]}

writes(verb, path, spec) := given.request(verb, "pods", {"podSpecs": [{"path": path, "spec": spec}]})

test_a_pod_that_mounts_a_host_path_is_found if {
	host_path.findings == {{
		"message": "volume host mounts / of the node",
		"fields": ["spec.volumes[1].hostPath"],
	}} with input as writes("create", "spec", root)
}

test_the_field_names_the_template_of_the_kind if {
	some path in ["spec.template.spec", "spec.jobTemplate.spec.template.spec"]
	found := host_path.findings with input as writes("create", path, root)
	{f.fields[0] | some f in found} == {concat("", [path, ".volumes[1].hostPath"])}
}

test_an_update_and_a_patch_are_found_as_a_create_is if {
	every verb in ["create", "update", "patch"] {
		found := host_path.findings with input as writes(verb, "spec", root)
		count(found) == 1
	}
}

test_a_pod_without_a_host_path_is_not_found if {
	host_path.findings == set() with input as writes("create", "spec", {"volumes": [{"name": "tmp", "emptyDir": {}}]})
}

test_a_volume_without_a_name_is_found if {
	found := host_path.findings with input as writes("create", "spec", {"volumes": [{"hostPath": {"path": "/"}}]})
	count(found) == 1
}

test_a_host_path_without_a_path_is_found if {
	found := host_path.findings with input as writes("create", "spec", {"volumes": [{"name": "host", "hostPath": {}}]})
	count(found) == 1
}

test_what_was_mounted_before_is_not_found_again if {
	defaulted := {"spec": {"volumes": [{"name": "host", "hostPath": {"path": "/", "type": ""}}]}}
	host_path.findings == set() with input as object.union(
		writes("update", "spec", root),
		{"oldObject": defaulted},
	)
}

test_another_path_or_another_type_is_found if {
	every before in [{"path": "/var/log"}, {"path": "/", "type": "Socket"}] {
		found := host_path.findings with input as object.union(
			writes("update", "spec", root),
			{"oldObject": {"spec": {"volumes": [{"name": "host", "hostPath": before}]}}},
		)
		count(found) == 1
	}
}

test_the_same_mount_in_another_template_is_found if {
	found := host_path.findings with input as object.union(
		writes("update", "spec.template.spec", root),
		{"oldObject": {"spec": root}},
	)
	count(found) == 1
}

test_writes_of_status_and_scale_are_not_found if {
	every subresource in ["status", "scale"] {
		host_path.findings == set() with input as object.union(
			writes("update", "spec", root),
			{"request": {"subResource": subresource}},
		)
	}
}

test_ephemeral_containers_are_a_write_of_the_pod if {
	found := host_path.findings with input as object.union(
		writes("patch", "spec", root),
		{"request": {"subResource": "ephemeralcontainers"}},
	)
	count(found) == 1
}
