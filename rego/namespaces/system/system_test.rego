package sallyport.rules.namespaces.system_test

import data.sallyport.lib.given
import data.sallyport.rules.namespaces.system

writes(verb, namespace) := given.request(verb, "pods", {"request": {"namespace": namespace, "name": "web"}})

test_every_write_in_the_namespaces_of_the_cluster_is_found if {
	every namespace in ["kube-system", "kube-public", "kube-node-lease"] {
		every verb, deed in {"create": "creates", "patch": "patches", "update": "replaces", "delete": "deletes"} {
			system.findings == {{
				"message": $"{deed} pods {namespace}/web, in a namespace of the cluster's own",
				"fields": [],
			}} with input as writes(verb, namespace)
		}
	}
}

test_a_write_elsewhere_is_not_found if {
	every namespace in ["shop", "kube-systems", ""] {
		system.findings == set() with input as writes("create", namespace)
	}
}

test_asking_what_one_may_do_there_is_not_found if {
	system.findings == set() with input as given.request("create", "", {"request": {
		"namespace": "kube-system",
		"resource": {"group": "authorization.k8s.io", "resource": "localsubjectaccessreviews"},
	}})
}

test_the_guardrails_add_namespaces_and_take_none_away if {
	guardrails := {"rules": {"namespaces/system": {"params": {"namespaces": ["istio-system"]}}}}
	every namespace, n in {"istio-system": 1, "kube-system": 1, "shop": 0} {
		found := system.findings with input as writes("patch", namespace) with data.guardrails as guardrails
		count(found) == n
	}
}
