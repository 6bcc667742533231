package sallyport.rules.destruction.namespace_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.namespace

shop(verb, subresource) := given.request(verb, "namespaces", {"request": {
	"subResource": subresource,
	"namespace": "shop",
	"name": "shop",
}})

test_the_deletion_of_a_namespace_is_found if {
	namespace.findings == {{"message": "deletes namespaces shop", "fields": []}} with input as shop("delete", "")
}

test_ending_a_namespace_before_it_is_empty_is_found if {
	namespace.findings == {{
		"message": "replaces namespaces/finalize shop",
		"fields": [],
	}} with input as shop("update", "finalize")
}
