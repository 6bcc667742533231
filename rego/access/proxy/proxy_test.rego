package sallyport.rules.access.proxy_test

import data.sallyport.lib.given
import data.sallyport.rules.access.proxy

test_a_proxied_request_is_found_whatever_its_method if {
	every verb in ["get", "create", "delete"] {
		proxy.findings == {{
			"message": "sends a request through the API server to services shop/db",
			"fields": [],
		}} with input as given.connect(verb, "services", "proxy", {})
	}
}
