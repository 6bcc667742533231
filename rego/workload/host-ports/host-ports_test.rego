package sallyport.rules.workload.host_ports_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.host_ports

ports(list) := given.with_container({"name": "c", "ports": list})

test_a_port_of_the_node_is_found_in_every_list if {
	every one in ports([{"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}]) {
		findings := host_ports.findings with input as given.pod("create", one.spec)
		findings == {{"message": "container c takes port 8080 of its node", "fields": [$"{one.path}.ports[1].hostPort"]}}
	}
}

test_a_port_of_the_pod_alone_is_not_found if {
	every port in [{"containerPort": 80}, {"containerPort": 80, "hostPort": 0}, {"hostPort": null}] {
		every one in ports([port]) {
			host_ports.findings == set() with input as given.pod("create", one.spec)
		}
	}
}

test_what_the_server_fills_in_for_the_host_network_is_not_found if {
	every one in ports([{"containerPort": 80, "hostPort": 80}]) {
		host_ports.findings == set() with input as given.pod("patch", object.union(one.spec, {"hostNetwork": true}))
		found := host_ports.findings with input as given.pod("patch", one.spec)
		count(found) == 1
	}
}

test_another_port_than_the_container_s_is_found_in_the_host_network_too if {
	every one in ports([{"containerPort": 80, "hostPort": 443}]) {
		spec := object.union(one.spec, {"hostNetwork": true})
		found := host_ports.findings with input as given.pod("create", spec)
		count(found) == 1
	}
}

test_a_port_that_was_taken_already_is_not_found_again if {
	every one in ports([{"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}]) {
		host_ports.findings == set() with input as given.pod_update(one.spec, one.spec)
	}
}

test_another_address_of_the_node_is_found if {
	found := host_ports.findings with input as given.pod_update(
		{"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]},
		{"containers": [{"name": "c", "ports": [{"hostPort": 80, "hostIP": "127.0.0.1"}]}]},
	)
	count(found) == 1
}
