package sallyport.lib.tools_test

import data.sallyport.lib.tools

test_of_kubectl_and_helm_it_is_said_what_they_are_to_do if {
	tools.shown({"argv": ["kubectl", "get", "pods", "--token", "abc"]}) == "kubectl get"
	tools.shown({"argv": ["helm", "list"]}) == "helm list"
}

test_of_another_program_only_the_name_is_said if {
	tools.shown({"argv": ["curl", "abc"]}) == "curl"
	tools.shown({"argv": ["kubectl", "--token=abc", "get"]}) == "kubectl"
	tools.shown({"argv": ["kubectl"]}) == "kubectl"
}

test_a_long_name_is_cut if {
	long := concat("", ["x" | some _ in numbers.range(1, 200)])
	count(tools.shown({"argv": [long]})) == 60
}

test_what_has_no_program_is_a_text if {
	tools.shown({"argv": []}) == "a text"
}
