package sallyport.rules.recon.pod_log_test

import data.sallyport.lib.given
import data.sallyport.rules.recon.pod_log

test_a_log_that_is_read_is_found if {
	pod_log.findings == {{
		"message": "reads the log of pods shop/db",
		"fields": [],
	}} with input as given.request("get", "pods", {"request": {"subResource": "log"}})
}
