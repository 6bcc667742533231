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
]

spec_of(power, kind, program) := object.union(object.get(power, "spec", {}), {kind: [object.union(
	{"name": "c", "securityContext": object.get(power, "context", {})},
	program,
)]})

test_another_program_is_found_in_every_list_where_the_pod_reaches_its_node if {
	every name in ["image", "command", "args"] {
		every power in powers {
			every kind in ["containers", "initContainers", "ephemeralContainers"] {
				findings := program_change.findings with input as given.pod_update(
					spec_of(power, kind, {name: "new"}),
					spec_of(power, kind, {name: "old"}),
				)
				findings == {{
					"message": $"container c of a pod that reaches its node gets another {name}",
					"fields": [$"spec.{kind}[0].{name}"],
				}}
			}
		}
	}
}

test_one_container_more_is_found if {
	stored := spec_of(powers[0], "containers", {"image": "i"})
	more := object.union(stored, {"initContainers": [{"name": "n", "image": "i"}]})
	found := program_change.findings with input as given.pod_update(more, stored)
	{f.fields[0] | some f in found} == {"spec.initContainers[0].image"}
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
