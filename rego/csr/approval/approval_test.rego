package sallyport.rules.csr.approval_test

import data.sallyport.lib.given
import data.sallyport.rules.csr.approval

test_approving_and_signing_are_found if {
	every subresource in ["approval", "status"] {
		approval.findings == {{
			"message": $"patches certificatesigningrequests/{subresource} me",
			"fields": [],
		}} with input as given.request("patch", "certificatesigningrequests", {"request": {
			"namespace": "",
			"name": "me",
			"subResource": subresource,
		}})
	}
}
