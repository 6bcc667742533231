package sallyport.rules.workload.probe_host_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.probe_host

handlers := [[probe, action] |
	some probe in [
		["livenessProbe"],
		["readinessProbe"],
		["startupProbe"],
		["lifecycle", "postStart"],
		["lifecycle", "preStop"],
	]
	some action in ["httpGet", "tcpSocket"]
]

probing([[first], action], host) := {"name": "c", first: {action: {"host": host, "port": 80}}}

probing([[first, second], action], host) := {"name": "c", first: {second: {action: {"host": host, "port": 80}}}}

test_the_host_of_every_probe_and_hook_is_found_in_every_list if {
	every handler in handlers {
		every one in given.with_container(probing(handler, "169.254.169.254")) {
			findings := probe_host.findings with input as given.pod("create", one.spec)
			findings == {{
				"message": "container c has its kubelet reach 169.254.169.254",
				"fields": [concat(".", array.flatten([one.path, handler[0], handler[1], "host"]))],
			}}
		}
	}
}

test_a_probe_of_the_pod_itself_is_not_found if {
	every handler in handlers {
		every host in ["", null] {
			every one in given.with_container(probing(handler, host)) {
				probe_host.findings == set() with input as given.pod("create", one.spec)
			}
		}
	}
	every probe in [{"exec": {"command": ["true"]}}, {"httpGet": {"port": 80}}, {"grpc": {"port": 80}}] {
		every one in given.with_container({"name": "c", "livenessProbe": probe, "lifecycle": {"preStop": probe}}) {
			probe_host.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_a_host_that_stood_already_is_not_found_again if {
	every handler in handlers {
		every one in given.with_container(probing(handler, "10.0.0.1")) {
			probe_host.findings == set() with input as given.pod_update(one.spec, one.spec)
		}
	}
}

test_another_host_than_before_is_found if {
	handler := [["lifecycle", "preStop"], "httpGet"]
	found := probe_host.findings with input as given.pod_update(
		{"containers": [probing(handler, "10.0.0.2")]},
		{"containers": [probing(handler, "10.0.0.1")]},
	)
	count(found) == 1
}
