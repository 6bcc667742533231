package sallyport.rules.cloud.workload_identity_test

import data.sallyport.lib.given
import data.sallyport.rules.cloud.workload_identity

account(annotations) := {"metadata": {"annotations": annotations}}

test_each_cloud_s_annotation_is_found if {
	keys := [
		"eks.amazonaws.com/role-arn",
		"iam.gke.io/gcp-service-account",
		"azure.workload.identity/client-id",
		"azure.workload.identity/tenant-id",
		"pod-identity.alibabacloud.com/role-name",
	]
	every key in keys {
		workload_identity.findings == {{
			"message": $"gives serviceaccounts shop/db a cloud identity: {key} is admin",
			"fields": [$"metadata.annotations['{key}']"],
		}} with input as given.request("create", "serviceaccounts", {"object": account({key: "admin", "team": "shop"})})
	}
}

test_one_that_changes_is_found if {
	found := workload_identity.findings with input as given.request("patch", "serviceaccounts", {
		"object": account({"eks.amazonaws.com/role-arn": "b"}),
		"oldObject": account({"eks.amazonaws.com/role-arn": "a"}),
	})
	count(found) == 1
}

test_one_that_stood_there_before_and_others_are_not_found if {
	same := account({"eks.amazonaws.com/role-arn": "a"})
	every facts in [
		{},
		{"object": account({"team": "shop", "eks.amazonaws.com/audience": "x"})},
		{"object": account({"iam.gke.io/gcp-service-account": null})},
		{"object": same, "oldObject": same},
	] {
		workload_identity.findings == set() with input as given.request("update", "serviceaccounts", facts)
	}
}
