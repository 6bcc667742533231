package sallyport.rules.tool.other_cluster_test

import data.sallyport.lib.given
import data.sallyport.rules.tool.other_cluster

switched(overrides) := given.tool([{"argv": ["kubectl"], "text": "kubectl …", "overrides": overrides}])

test_each_switch_is_found if {
	other_cluster.findings == {
		{"message": "`kubectl` asks with --server", "fields": ["commands[0]"]},
		{"message": "`kubectl` asks with --token", "fields": ["commands[0]"]},
	} with input as switched([{"name": "--server", "value": "https://x"}, {"name": "--token"}])
}

test_files_and_servers_that_the_guardrails_name_are_not_found if {
	rules := {"tool/other-cluster": {"params": {"kubeconfigs": ["/home/*/config"], "servers": ["https://gate.example/*"]}}}
	every override in [
		{"name": "--kubeconfig", "value": "/home/a/.kube/config"},
		{"name": "KUBECONFIG", "value": "/home/a/config"},
		{"name": "--server", "value": "https://gate.example/connections/prod"},
		{"name": "--kube-apiserver", "value": "https://gate.example/connections/prod"},
		{"name": "KUBERNETES_MASTER", "value": "https://gate.example/connections/prod"},
		{"name": "HELM_KUBEAPISERVER", "value": "https://gate.example/connections/prod"},
	] {
		other_cluster.findings == set() with input as switched([override]) with data.guardrails.rules as rules
	}
}

test_others_and_those_whose_value_is_not_known_are_found_all_the_same if {
	rules := {"tool/other-cluster": {"params": {"kubeconfigs": ["/home/*/config"], "servers": ["https://gate.example/*"]}}}
	every override in [
		{"name": "--kubeconfig", "value": "/tmp/config"},
		{"name": "KUBECONFIG"},
		{"name": "--server", "value": "https://other.example/connections/prod"},
		{"name": "--server", "value": "/home/a/config"},
		{"name": "--token"},
	] {
		found := other_cluster.findings with input as switched([override]) with data.guardrails.rules as rules
		count(found) == 1
	}
}

test_a_command_without_a_switch_is_not_found if {
	other_cluster.findings == set() with input as given.tool([{"argv": ["kubectl"], "text": "kubectl"}])
}
