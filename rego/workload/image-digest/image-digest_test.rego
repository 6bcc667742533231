package sallyport.rules.workload.image_digest_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.image_digest

runs(image) := given.request("create", "pods", {"podSpecs": [{
	"path": "spec",
	"spec": {"containers": [{"name": "app", "image": image}]},
}]})

test_an_image_without_a_digest_is_found if {
	image_digest.findings == {{
		"message": "runs nginx:1, which has no digest",
		"fields": ["spec.containers[0].image"],
	}} with input as runs("nginx:1")
}

test_an_image_with_a_digest_is_not_found if {
	every name in ["nginx@sha256:00", "nginx:1@sha512:00"] {
		image_digest.findings == set() with input as runs(name)
	}
}

test_an_image_of_an_exempt_registry_is_not_found if {
	guardrails := {"rules": {"workload/image-digest": {"params": {"exempt": ["registry.example.com"]}}}}
	every name, n in {"registry.example.com/app:1": 0, "nginx:1": 1} {
		found := image_digest.findings with input as runs(name) with data.guardrails as guardrails
		count(found) == n
	}
}
