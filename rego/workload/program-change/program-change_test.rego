package sallyport.rules.workload.program_change_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.program_change

powers := [
	{"spec": {"hostPID": true}},
	{"spec": {"hostIPC": true}},
	{"spec": {"hostNetwork": true}},
	{"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}},
	{"spec": {"securityContext": {"windowsOptions": {"hostProcess": true}}}},
	{"context": {"windowsOptions": {"hostProcess": true}}},
	{"context": {"privileged": true}},
	{"context": {"capabilities": {"add": ["SYS_ADMIN"]}}},
	{"context": {"procMount": "Unmasked"}},
	{"context": {"seLinuxOptions": {"type": "spc_t"}}},
]

programs := program_change.programs

spec_of(power, kind, program) := object.union(object.get(power, "spec", {}), {kind: [object.union(
	{"name": "c", "securityContext": object.get(power, "context", {})},
	program,
)]})

kinds := ["containers", "initContainers", "ephemeralContainers"]

finds(power, kind, name) if {
	findings := program_change.findings with input as given.pod_update(
		spec_of(power, kind, {name: "new"}),
		spec_of(power, kind, {name: "old"}),
	)
	findings == {{
		"message": $"container c of a pod that reaches its node gets another {name}",
		"fields": [$"spec.{kind}[0].{name}"],
	}}
}

test_another_program_is_found_in_every_list_where_the_pod_reaches_its_node if {
	every power in powers {
		every kind in kinds { finds(power, kind, "image") }
	}
}

test_all_that_makes_a_program_is_looked_at if {
	every name in programs { finds(powers[0], "containers", name) }
}

test_one_container_more_is_found if {
	stored := spec_of(powers[0], "containers", {"image": "i"})
	more := object.union(stored, {"initContainers": [{"name": "n", "image": "i"}]})
	found := program_change.findings with input as given.pod_update(more, stored)
	{f.fields[0] | some f in found} == {"spec.initContainers[0].image"}
}

hooks := [
	["lifecycle", "postStart"],
	["lifecycle", "preStop"],
	["livenessProbe"],
	["readinessProbe"],
	["startupProbe"],
]

hooked(["lifecycle", name], handler) := spec_of(
	powers[0],
	"containers",
	{"image": "i", "lifecycle": {name: handler}},
)

hooked([name], handler) := spec_of(powers[0], "containers", {"image": "i", name: handler})

test_another_command_of_a_hook_is_found if {
	every path in hooks {
		every before in [{}, {"exec": {"command": ["old"]}}, {"httpGet": {"port": 80}}] {
			findings := program_change.findings with input as given.pod_update(
				hooked(path, {"exec": {"command": ["new"]}}),
				hooked(path, before),
			)
			findings == {{
				"message": $"container c of a pod that reaches its node gets another {concat(".", path)}",
				"fields": [$"spec.containers[0].{concat(".", path)}.exec.command"],
			}}
		}
	}
}

test_the_same_hook_or_none_is_not_found if {
	every path in hooks {
		every now in [{"httpGet": {"port": 80}}, {"exec": {"command": ["old"]}, "periodSeconds": 9}] {
			program_change.findings == set() with input as given.pod_update(
				hooked(path, now),
				hooked(path, {"exec": {"command": ["old"]}}),
			)
		}
	}
}

with_volumes(volumes) := object.union(spec_of(powers[6], "containers", {"image": "i"}), {"volumes": volumes})

test_another_content_of_a_volume_is_found if {
	findings := program_change.findings with input as given.pod_update(
		with_volumes([{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "new"}}]),
		with_volumes([{"name": "b", "configMap": {"name": "old"}}, {"name": "a", "emptyDir": {}}]),
	)
	findings == {{
		"message": "volume b of a pod that reaches its node gets another content",
		"fields": ["spec.volumes[1]"],
	}}
}

test_a_volume_that_nothing_mounts_yet_or_of_the_node_is_not_found if {
	program_change.findings == set() with input as given.pod_update(
		with_volumes([{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/new"}}]),
		with_volumes([{"name": "b", "hostPath": {"path": "/old"}}]),
	)
}

test_nothing_and_an_empty_list_are_one if {
	stored := spec_of(powers[0], "containers", {"image": "i"})
	program_change.findings == set() with input as given.pod_update(
		spec_of(powers[0], "containers", {"image": "i", "env": [], "args": null}),
		stored,
	)
}

test_the_same_program_is_not_found if {
	every power in powers {
		spec := spec_of(power, "containers", {"image": "i", "command": ["c"]})
		program_change.findings == set() with input as given.pod_update(object.union(spec, {"dnsPolicy": "Default"}), spec)
	}
}

test_a_pod_that_does_not_reach_its_node_is_not_found if {
	program_change.findings == set() with input as given.pod_update(
		spec_of({}, "containers", {"image": "new"}),
		spec_of({}, "containers", {"image": "old"}),
	)
}

test_a_new_pod_is_not_found if {
	program_change.findings == set() with input as given.pod("create", spec_of(powers[0], "containers", {"image": "i"}))
}
