package sallyport.rules.pod_security.host_probes_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.host_probes

forbidden := {"name": "c", "lifecycle": {"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}}}

test_what_the_standard_forbids_is_found if {
	every one in given.with_container(forbidden) {
		findings := host_probes.findings with input as given.pod("create", one.spec)
		findings == {{
			"message": "container c has its kubelet reach 10.0.0.1",
			"fields": [$"{one.path}.lifecycle.preStop.httpGet.host"],
		}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every allowed in [
		{"name": "c", "livenessProbe": {"httpGet": {"port": 80}}},
		{"name": "c", "startupProbe": {"tcpSocket": {"host": "", "port": 80}}},
		{"name": "c", "lifecycle": {"preStop": {"exec": {"command": ["true"]}}}},
	] {
		every one in given.with_container(allowed) {
			host_probes.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_template_that_changes_is_judged_whole if {
	every one in given.with_container(forbidden) {
		host_probes.findings == set() with input as given.pod_update(one.spec, one.spec)
		found := host_probes.findings with input as given.pod_update(
			object.union(one.spec, {"restartPolicy": "Always"}),
			one.spec,
		)
		count(found) == 1
	}
}
