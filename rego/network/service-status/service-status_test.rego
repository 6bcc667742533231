package sallyport.rules.network.service_status_test

import data.sallyport.lib.given
import data.sallyport.rules.network.service_status

writes(facts) := object.union(given.request("patch", "services", {"request": {"subResource": "status"}}), facts)

test_a_write_of_the_status_is_found_before_more_is_known if {
	service_status.findings == {{
		"message": "patches the status of services shop/db",
		"fields": [],
	}} with input as writes({})
}

test_the_addresses_are_named if {
	service_status.findings == {{
		"message": "patches the status of services shop/db, which then answers to 192.0.2.1, a.example.com",
		"fields": ["status.loadBalancer.ingress"],
	}} with input as writes({"object": {"status": {"loadBalancer": {"ingress": [
		{"hostname": "a.example.com"},
		{"ip": "192.0.2.1"},
	]}}}})
}
