package sallyport.rules.pod_security.host_ports_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.host_ports

forbidden := {"name": "c", "ports": [{"containerPort": 80, "hostPort": 80}]}

test_what_the_standard_forbids_is_found if {
	every one in given.with_container(forbidden) {
		findings := host_ports.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c takes port 80 of its node",
			"fields": [$"{one.path}.ports[0].hostPort"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"name": "c", "ports": [{"containerPort": 80}]},
		{"name": "c", "ports": [{"hostPort": 0}]},
		{"name": "c", "ports": [{"hostPort": null}]},
		{"name": "c"},
	] {
		every one in given.with_container(allowed) {
			host_ports.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container(forbidden) {
		host_ports.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := host_ports.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
