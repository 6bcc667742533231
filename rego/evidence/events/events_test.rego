package sallyport.rules.evidence.events_test

import data.sallyport.lib.given
import data.sallyport.rules.evidence.events

test_deleting_one_event_and_all_is_found if {
	every verb, deed in {"delete": "deletes", "deletecollection": "deletes all of"} {
		events.findings == {{
			"message": $"{deed} events shop/db",
			"fields": [],
		}} with input as given.request(verb, "events", {})
	}
}
