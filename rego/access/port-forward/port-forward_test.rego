package sallyport.rules.access.port_forward_test

import data.sallyport.lib.given
import data.sallyport.rules.access.port_forward

test_a_port_forward_is_found_over_both_methods if {
	every verb in ["get", "create"] {
		port_forward.findings == {{
			"message": "opens a tunnel to pods shop/db",
			"fields": [],
		}} with input as given.connect(verb, "pods", "portforward", {})
	}
}
