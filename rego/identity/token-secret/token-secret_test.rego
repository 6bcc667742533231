package sallyport.rules.identity.token_secret_test

import data.sallyport.lib.given
import data.sallyport.rules.identity.token_secret

token := {"type": "kubernetes.io/service-account-token"}

token_of(account) := object.union(token, {"metadata": {"annotations": {"kubernetes.io/service-account.name": account}}})

test_a_secret_that_the_cluster_fills_with_a_token_is_found if {
	every facts in [{"object": token}, {"object": token, "oldObject": null}] {
		token_secret.findings == {{
			"message": "has the cluster fill secrets shop/db with a token",
			"fields": ["type"],
		}} with input as given.request("create", "secrets", facts)
	}
}

test_one_that_is_turned_to_another_account_is_found if {
	token_secret.findings == {{
		"message": "has the cluster fill secrets shop/db with a token of admin",
		"fields": ["metadata.annotations['kubernetes.io/service-account.name']"],
	}} with input as given.request("patch", "secrets", {"object": token_of("admin"), "oldObject": token_of("web")})
}

test_other_secrets_and_those_that_were_tokens_before_are_not_found if {
	every facts in [
		{},
		{"object": {"type": "Opaque"}},
		{"object": token, "oldObject": token},
		{"object": token_of("web"), "oldObject": token_of("web")},
	] {
		token_secret.findings == set() with input as given.request("update", "secrets", facts)
	}
}
