package sallyport.rules.tool.around_gateway_test

import data.sallyport.lib.given
import data.sallyport.rules.tool.around_gateway

test_a_command_that_reaches_a_cluster_without_the_gateway_is_found if {
	around_gateway.findings == {{
		"message": "`curl` goes round the gateway: curl is given a bearer token",
		"fields": ["commands[1]"],
	}} with input as given.tool([
		{"argv": ["ls"], "text": "ls"},
		{"argv": ["curl", "x"], "text": "curl x", "around": "curl is given a bearer token"},
	])
}

test_another_command_is_not_found if {
	around_gateway.findings == set() with input as given.tool([{"argv": ["curl"], "text": "curl"}])
}
