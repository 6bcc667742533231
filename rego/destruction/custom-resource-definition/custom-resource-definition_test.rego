package sallyport.rules.destruction.custom_resource_definition_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.custom_resource_definition

test_the_deletion_of_a_definition_is_found if {
	custom_resource_definition.findings == {{
		"message": "deletes customresourcedefinitions shops.example.com, and every object of the kind",
		"fields": [],
	}} with input as given.request("delete", "customresourcedefinitions", {"request": {
		"namespace": "",
		"name": "shops.example.com",
	}})
}
