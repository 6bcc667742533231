package sallyport.rules.nodes.eviction_test

import data.sallyport.lib.given
import data.sallyport.rules.nodes.eviction

test_an_eviction_is_found if {
	eviction.findings == {{
		"message": "evicts pods shop/db",
		"fields": [],
	}} with input as given.request("create", "pods", {"request": {"subResource": "eviction"}})
}
