package sallyport.rules.rbac.aggregation_test

import data.sallyport.lib.given
import data.sallyport.rules.rbac.aggregation

writes(thing) := given.request("create", "clusterroles", {
	"request": {"namespace": "", "name": "more"},
	"object": thing,
})

test_an_aggregation_rule_is_found if {
	aggregation.findings == {{
		"message": "has the cluster fill in clusterroles more from other cluster roles",
		"fields": ["aggregationRule"],
	}} with input as writes({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}})
}

test_a_label_that_aggregates_into_a_role_of_many_is_found if {
	every role in ["admin", "edit", "view"] {
		label := $"rbac.authorization.k8s.io/aggregate-to-{role}"
		aggregation.findings == {{
			"message": $"adds the rules of clusterroles more to another role by the label {label}",
			"fields": [$"metadata.labels['{label}']"],
		}} with input as writes({"metadata": {"labels": {label: "true", "team": "shop"}}})
	}
}

test_other_cluster_roles_are_not_found if {
	aggregation.findings == set() with input as writes({"aggregationRule": null, "metadata": {"labels": {"team": "shop"}}})
	aggregation.findings == set() with input as given.request("patch", "clusterroles", {})
}
