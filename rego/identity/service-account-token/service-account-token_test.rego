package sallyport.rules.identity.service_account_token_test

import data.sallyport.lib.given
import data.sallyport.rules.identity.service_account_token

test_a_token_request_is_found if {
	service_account_token.findings == {{
		"message": "asks for a token of serviceaccounts shop/db",
		"fields": [],
	}} with input as given.request("create", "serviceaccounts", {"request": {"subResource": "token"}})
}
