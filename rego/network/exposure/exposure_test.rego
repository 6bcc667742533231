package sallyport.rules.network.exposure_test

import data.sallyport.lib.given
import data.sallyport.rules.network.exposure

writes(verb, type, before) := given.request(verb, "services", {
	"object": {"spec": {"type": type}},
	"oldObject": {"spec": {"type": before}},
})

test_opening_a_service_is_found if {
	every verb in ["create", "update", "patch"] {
		every type in ["LoadBalancer", "NodePort"] {
			exposure.findings == {{
				"message": $"is reached from outside as a {type}",
				"fields": ["spec.type"],
			}} with input as writes(verb, type, "ClusterIP")
		}
	}
}

test_a_service_of_the_cluster_alone_is_not_found if {
	every type in ["ClusterIP", "ExternalName"] {
		exposure.findings == set() with input as writes("create", type, "LoadBalancer")
	}
	exposure.findings == set() with input as given.request("create", "services", {"object": {"spec": {}}})
}

test_what_was_open_before_is_not_found_again if {
	exposure.findings == set() with input as writes("patch", "LoadBalancer", "LoadBalancer")
}
