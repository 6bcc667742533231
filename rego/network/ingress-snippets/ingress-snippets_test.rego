package sallyport.rules.network.ingress_snippets_test

import data.sallyport.lib.given
import data.sallyport.rules.network.ingress_snippets

writes(verb, annotations, before) := given.request(verb, "ingresses", {
	"object": {"metadata": {"annotations": annotations}},
	"oldObject": {"metadata": {"annotations": before}},
})

keys := [
	"nginx.ingress.kubernetes.io/configuration-snippet",
	"nginx.ingress.kubernetes.io/server-snippet",
	"nginx.ingress.kubernetes.io/auth-snippet",
	"nginx.ingress.kubernetes.io/stream-snippet",
	"nginx.ingress.kubernetes.io/modsecurity-snippet",
	"nginx.org/server-snippets",
	"haproxy.org/backend-config-snippet",
	"haproxy-ingress.github.io/config-backend",
	"ingress.kubernetes.io/config-backend",
]

test_each_snippet_is_found if {
	every key in keys {
		every verb in ["create", "update", "patch"] {
			ingress_snippets.findings == {{
				"message": $"writes into the proxy's configuration with {key}",
				"fields": [$"metadata.annotations['{key}']"],
			}} with input as writes(verb, {key: "alias /;"}, {})
		}
	}
}

test_other_annotations_are_not_found if {
	annotations := {"nginx.ingress.kubernetes.io/rewrite-target": "/", "kubernetes.io/ingress.class": "nginx"}
	ingress_snippets.findings == set() with input as writes("create", annotations, {})
}

test_a_snippet_of_before_is_not_found_again_and_a_changed_one_is if {
	[key, _] := [keys[0], null]
	ingress_snippets.findings == set() with input as writes("patch", {key: "a;"}, {key: "a;"})
	found := ingress_snippets.findings with input as writes("patch", {key: "b;"}, {key: "a;"})
	count(found) == 1
}
