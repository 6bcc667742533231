package sallyport.rules.destruction.finalizers_test

import data.sallyport.lib.given
import data.sallyport.rules.destruction.finalizers

change(verb, before, after) := given.request(verb, "persistentvolumeclaims", {
	"object": {"metadata": after},
	"oldObject": {"metadata": before},
})

two := {"finalizers": ["kubernetes.io/pvc-protection", "example.com/a"]}

test_taking_a_finalizer_away_is_found if {
	every verb in ["patch", "update"] {
		finalizers.findings == {{
			"message": "takes the finalizer example.com/a away",
			"fields": ["metadata.finalizers"],
		}} with input as change(verb, two, {"finalizers": ["kubernetes.io/pvc-protection"]})
	}
}

test_taking_all_away_is_found_one_by_one if {
	every after in [{}, {"finalizers": []}, {"finalizers": null}] {
		found := finalizers.findings with input as change("patch", two, after)
		count(found) == 2
	}
}

test_keeping_and_adding_are_not_found if {
	every before in [two, {}, {"finalizers": ["example.com/a"]}] {
		finalizers.findings == set() with input as change("patch", before, two)
	}
}

test_the_finalizer_orphan_is_found_where_it_is_new if {
	orphan := {"finalizers": ["orphan"]}
	finalizers.findings == {{
		"message": "has what it owns left behind when it is deleted",
		"fields": ["metadata.finalizers"],
	}} with input as change("patch", {}, orphan)
	finalizers.findings == set() with input as change("patch", orphan, orphan)
}

says(type, metadata) := given.request("patch", "services", {
	"request": {"patchType": type},
	"object": {"metadata": metadata},
})

test_a_patch_of_an_object_that_is_not_known_is_found_by_what_it_says if {
	requests := [
		says("merge", {"finalizers": null}),
		says("merge", {"finalizers": []}),
		says("strategic", {"finalizers": null}),
		says("strategic", {"$deleteFromPrimitiveList/finalizers": ["a"]}),
	]
	every request in requests {
		finalizers.findings == {{
			"message": "takes finalizers away",
			"fields": ["metadata.finalizers"],
		}} with input as request
	}
}

test_a_patch_that_only_adds_or_says_nothing_of_them_is_not if {
	requests := [
		says("merge", {}),
		says("merge", {"finalizers": ["a"]}),
		says("strategic", {"finalizers": []}),
		says("json", {"finalizers": []}),
		says("apply", {}),
	]
	every request in requests {
		finalizers.findings == set() with input as request
	}
}

test_nothing_is_found_before_the_object_is_known if {
	finalizers.findings == set() with input as given.request("patch", "services", {"oldObject": {"metadata": two}})
}
