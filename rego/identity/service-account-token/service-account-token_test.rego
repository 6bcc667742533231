package sallyport.rules.identity.service_account_token_test

import data.sallyport.lib.given
import data.sallyport.rules.identity.service_account_token

token := {"type": "kubernetes.io/service-account-token"}

test_a_token_request_is_found if {
	service_account_token.findings == {{
		"message": "asks for a token of serviceaccounts shop/db",
		"fields": [],
	}} with input as given.request("create", "serviceaccounts", {"request": {"subResource": "token"}})
}

test_a_secret_that_the_cluster_fills_with_a_token_is_found if {
	service_account_token.findings == {{
		"message": "has the cluster fill secrets shop/db with a token",
		"fields": ["type"],
	}} with input as given.request("create", "secrets", {"object": token})
}

test_other_secrets_and_those_that_were_tokens_before_are_not_found if {
	every facts in [{}, {"object": {"type": "Opaque"}}, {"object": token, "oldObject": token}] {
		service_account_token.findings == set() with input as given.request("update", "secrets", facts)
	}
}
