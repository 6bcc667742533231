package sallyport.rules.admission.conversion_webhook_test

import data.sallyport.lib.given
import data.sallyport.rules.admission.conversion_webhook

crd(conversion) := {"metadata": {"name": "shops.example.com"}, "spec": {"conversion": conversion}}

hook(name) := crd({"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": name}}}})

none := crd({"strategy": "None"})

of(verb, facts) := given.request(verb, "customresourcedefinitions", object.union(
	{"request": {"namespace": "", "name": "shops.example.com"}},
	facts,
))

test_a_conversion_webhook_that_is_set_or_changed_is_found if {
	every facts in [
		{"object": hook("a"), "oldObject": null},
		{"object": hook("a"), "oldObject": none},
		{"object": hook("a"), "oldObject": hook("b")},
		{"object": hook("a")},
	] {
		conversion_webhook.findings == {{
			"message": "sets a conversion webhook: replaces customresourcedefinitions shops.example.com",
			"fields": ["spec.conversion"],
		}} with input as of("update", facts)
	}
}

test_one_that_is_taken_away_is_found if {
	every without in [none, {"spec": {}}] {
		conversion_webhook.findings == {{
			"message": "takes away a conversion webhook: patches customresourcedefinitions shops.example.com",
			"fields": ["spec.conversion"],
		}} with input as of("patch", {"object": without, "oldObject": hook("a")})
	}
}

test_definitions_without_a_webhook_and_unchanged_ones_are_not_found if {
	every facts in [
		{},
		{"object": none},
		{"object": none, "oldObject": none},
		{"object": {"spec": {}}, "oldObject": none},
		{"object": hook("a"), "oldObject": hook("a")},
		{"oldObject": hook("a")},
	] {
		conversion_webhook.findings == set() with input as of("patch", facts)
	}
}
