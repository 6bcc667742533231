package sallyport.rules.access.read_only_test

import data.sallyport.lib.given
import data.sallyport.rules.access.read_only

test_every_write_is_found if {
	every verb in ["create", "update", "patch", "delete", "deletecollection"] {
		found := read_only.findings with input as given.request(verb, "pods", {})
		count(found) == 1
	}
}

test_connecting_is_found_whatever_the_verb if {
	read_only.findings == {{
		"message": "opens pods/exec shop/db under the profile read-only",
		"fields": [],
	}} with input as given.connect("get", "pods", "exec", {})
}

test_access_reviews_are_not_found if {
	every resource in [
		{"group": "authorization.k8s.io", "resource": "selfsubjectaccessreviews"},
		{"group": "authentication.k8s.io", "resource": "selfsubjectreviews"},
	] {
		read_only.findings == set() with input as given.request("create", "", {"request": {"resource": resource}})
	}
}

test_token_reviews_and_their_like_are_found if {
	found := read_only.findings with input as given.request("create", "", {"request": {"resource": {
		"group": "authentication.k8s.io",
		"resource": "tokenreviews",
	}}})
	count(found) == 1
}

test_reading_a_path_is_not_found_and_posting_to_one_is if {
	read_only.findings == set() with input as given.path("get", "/version")
	read_only.findings == {{
		"message": "post /debug under the profile read-only",
		"fields": [],
	}} with input as given.path("post", "/debug")
}
