package sallyport.rules.admission.configuration_test

import data.sallyport.lib.given
import data.sallyport.rules.admission.configuration

test_every_kind_of_write_is_found if {
	place := {"request": {"namespace": "", "name": "guard"}}
	deeds := {
		"create": "creates validatingwebhookconfigurations guard",
		"update": "replaces validatingwebhookconfigurations guard",
		"patch": "patches validatingwebhookconfigurations guard",
		"delete": "deletes validatingwebhookconfigurations guard",
		"deletecollection": "deletes all of validatingwebhookconfigurations guard",
	}
	every verb, message in deeds {
		configuration.findings == {{
			"message": message,
			"fields": [],
		}} with input as given.request(verb, "validatingwebhookconfigurations", place)
	}
}
