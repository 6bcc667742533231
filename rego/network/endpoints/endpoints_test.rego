package sallyport.rules.network.endpoints_test

import data.sallyport.lib.given
import data.sallyport.rules.network.endpoints

test_every_write_is_found if {
	every resource in ["endpoints", "endpointslices"] {
		every verb, deed in {"create": "creates", "update": "replaces", "patch": "patches", "delete": "deletes"} {
			endpoints.findings == {{
				"message": $"{deed} {resource} shop/db",
				"fields": [],
			}} with input as given.request(verb, resource, {})
		}
	}
}
