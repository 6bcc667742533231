package sallyport.rules.cloud.aws_auth_test

import data.sallyport.lib.given
import data.sallyport.rules.cloud.aws_auth

of(verb, namespace, name) := given.request(verb, "configmaps", {"request": {"namespace": namespace, "name": name}})

test_every_kind_of_write_is_found if {
	deeds := {"create": "creates", "update": "replaces", "patch": "patches", "delete": "deletes"}
	every verb, deed in deeds {
		aws_auth.findings == {{
			"message": $"{deed} configmaps kube-system/aws-auth",
			"fields": [],
		}} with input as of(verb, "kube-system", "aws-auth")
	}
}

test_deleting_all_of_kube_system_takes_it_along if {
	aws_auth.findings == {{
		"message": "deletes all of configmaps kube-system",
		"fields": [],
	}} with input as of("deletecollection", "kube-system", "")
}

test_other_configmaps_are_not_found if {
	every place in [["kube-system", "coredns"], ["shop", "aws-auth"]] {
		[namespace, name] := place
		aws_auth.findings == set() with input as of("update", namespace, name)
	}
	aws_auth.findings == set() with input as of("deletecollection", "shop", "")
}
