package sallyport.rules.secrets.write_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.write

stored := {
	"apiVersion": "v1",
	"kind": "Secret",
	"metadata": {
		"name": "db",
		"namespace": "shop",
		"resourceVersion": "7",
		"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
	},
	"data": {"user": "YQ==", "password": "Yg=="},
	"type": "Opaque",
}

touched := object.union(stored, {"metadata": {
	"resourceVersion": "8",
	"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{}}"},
}})

test_every_kind_of_write_is_found_and_masked if {
	deeds := {
		"create": "creates secrets shop/db",
		"update": "replaces secrets shop/db",
		"patch": "patches secrets shop/db",
		"delete": "deletes secrets shop/db",
		"deletecollection": "deletes all of secrets shop/db",
	}
	every verb, message in deeds {
		request := given.request(verb, "secrets", {})
		write.findings == {{"message": message, "fields": []}} with input as request
		count(write.masks) == 1 with input as request
	}
}

test_the_keys_that_change_are_named_and_no_value_is if {
	changed := object.union(stored, {"data": {"password": "Yw==", "new": "ZA=="}})
	found := write.findings with input as given.request("update", "secrets", {"object": changed, "oldObject": stored})
	{f.fields | some f in found} == {["data['new']", "data['password']"]}
}

test_a_write_that_changes_bookkeeping_only_is_none if {
	every verb in ["update", "patch"] {
		request := given.request(verb, "secrets", {"object": touched, "oldObject": stored})
		write.findings == set() with input as request
		count(write.masks) == 1 with input as request
	}
}

test_the_first_apply_of_what_was_created_is_bookkeeping if {
	created := object.remove(stored, ["metadata"])
	write.findings == set() with input as given.request("patch", "secrets", {
		"object": object.union(created, {"metadata": stored.metadata}),
		"oldObject": object.union(created, {"metadata": {"name": "db", "namespace": "shop"}}),
	})
}

test_each_other_change_is_a_write if {
	changes := [
		{"data": {"user": "Yg=="}},
		{"type": "kubernetes.io/tls"},
		{"immutable": true},
		{"metadata": {"labels": {"a": "b"}}},
		{"metadata": {"annotations": {"a": "b"}}},
		{"metadata": {"finalizers": ["a/b"]}},
		{"metadata": {"ownerReferences": [{"uid": "1"}]}},
	]
	every change in changes {
		found := write.findings with input as given.request("patch", "secrets", {
			"object": object.union(touched, change),
			"oldObject": stored,
		})
		count(found) == 1
	}
}

test_what_cannot_be_compared_is_a_write if {
	every facts in [{}, {"object": stored}, {"oldObject": stored}, {"object": stored, "oldObject": null}] {
		found := write.findings with input as given.request("patch", "secrets", facts)
		count(found) == 1
	}
}

test_deleting_an_unchanged_secret_is_a_write if {
	found := write.findings with input as given.request("delete", "secrets", {"object": stored, "oldObject": stored})
	count(found) == 1
}
