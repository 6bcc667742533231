package sallyport.rules.network.external_ips_test

import data.sallyport.lib.given
import data.sallyport.rules.network.external_ips

writes(verb, ips, before) := given.request(verb, "services", {
	"object": {"spec": {"externalIPs": ips}},
	"oldObject": {"spec": {"externalIPs": before}},
})

test_each_new_address_is_found if {
	every verb in ["create", "update", "patch"] {
		external_ips.findings == {{
			"message": "answers to the address 169.254.169.254",
			"fields": ["spec.externalIPs[1]"],
		}} with input as writes(verb, ["192.0.2.1", "169.254.169.254"], ["192.0.2.1"])
	}
}

test_none_and_those_of_before_are_not_found if {
	external_ips.findings == set() with input as writes("patch", [], ["192.0.2.1"])
	external_ips.findings == set() with input as writes("patch", ["192.0.2.1"], ["192.0.2.1", "192.0.2.2"])
	external_ips.findings == set() with input as given.request("create", "services", {"object": {"spec": {}}})
}
