package sallyport.rules.network.cluster_dns_test

import data.sallyport.lib.given
import data.sallyport.rules.network.cluster_dns

writes(verb, namespace, name) := given.request(verb, "configmaps", {"request": {"namespace": namespace, "name": name}})

test_every_write_of_what_dns_reads_is_found if {
	every name in ["coredns", "coredns-custom", "kube-dns", "node-local-dns"] {
		every verb, deed in {"create": "creates", "update": "replaces", "patch": "patches", "delete": "deletes"} {
			cluster_dns.findings == {{
				"message": $"{deed} configmaps kube-system/{name}, which the cluster's DNS reads",
				"fields": [],
			}} with input as writes(verb, "kube-system", name)
		}
	}
}

test_the_collection_that_holds_them_is_found if {
	found := cluster_dns.findings with input as writes("deletecollection", "kube-system", "")
	count(found) == 1
}

test_other_config_maps_are_not_found if {
	cluster_dns.findings == set() with input as writes("patch", "kube-system", "other")
	cluster_dns.findings == set() with input as writes("patch", "shop", "coredns")
	cluster_dns.findings == set() with input as writes("create", "kube-system", "")
}

test_the_guardrails_name_others if {
	guardrails := {"rules": {"network/cluster-dns": {"params": {"names": ["dns/corefile"]}}}}
	found := cluster_dns.findings with input as writes("patch", "dns", "corefile") with data.guardrails as guardrails
	count(found) == 1
}
