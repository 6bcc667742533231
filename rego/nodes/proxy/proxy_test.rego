package sallyport.rules.nodes.proxy_test

import data.sallyport.lib.given
import data.sallyport.rules.nodes.proxy

test_a_request_to_the_kubelet_is_found_whatever_its_method if {
	every verb in ["get", "create"] {
		proxy.findings == {{
			"message": "speaks to the kubelet through nodes n1",
			"fields": [],
		}} with input as given.connect(verb, "nodes", "proxy", {"request": {"namespace": "", "name": "n1"}})
	}
}
