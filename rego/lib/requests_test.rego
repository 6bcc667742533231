package sallyport.lib.requests_test

import data.sallyport.lib.given
import data.sallyport.lib.requests

test_a_target_is_named_as_a_person_would if {
	requests.target == "secrets shop/db" with input as given.request("get", "secrets", {})
	requests.target == "secrets" with input as given.request("list", "secrets", {"request": {
		"namespace": "",
		"name": "",
	}})
	requests.target == "namespaces db" with input as given.request("get", "namespaces", {"request": {"namespace": "db"}})
	requests.target == "/metrics" with input as given.path("get", "/metrics")
}
