package sallyport.rules.access.debug_test

import data.sallyport.lib.given
import data.sallyport.rules.access.debug

adds := {"request": {"subResource": "ephemeralcontainers"}}

test_a_debug_container_is_found_by_patch_and_by_update if {
	every verb in ["patch", "update"] {
		debug.findings == {{
			"message": "adds a container to the running pods shop/db",
			"fields": [],
		}} with input as given.request(verb, "pods", adds)
	}
}
