package sallyport.rules.recon.server_internals_test

import data.sallyport.lib.given
import data.sallyport.rules.recon.server_internals

test_a_page_that_is_read_is_found if {
	server_internals.findings == {{
		"message": "reads /debug/pprof/heap",
		"fields": [],
	}} with input as given.path("get", "/debug/pprof/heap")
}
