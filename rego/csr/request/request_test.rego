package sallyport.rules.csr.request_test

import data.sallyport.lib.given
import data.sallyport.rules.csr.request

of(changes) := given.request("create", "certificatesigningrequests", object.union(
	{"request": {"namespace": "", "name": "me"}},
	changes,
))

test_a_request_is_found_with_its_signer if {
	request.findings == {{
		"message": "creates certificatesigningrequests me, to be signed by kubernetes.io/kube-apiserver-client",
		"fields": ["spec.signerName"],
	}} with input as of({"object": {"spec": {"signerName": "kubernetes.io/kube-apiserver-client"}}})
}

test_a_request_is_found_before_its_body_is_read if {
	request.findings == {{"message": "creates certificatesigningrequests me", "fields": []}} with input as of({})
}
