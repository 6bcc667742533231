package sallyport.rules.workload.image_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.image

runs(image) := given.request("create", "pods", {"podSpecs": [{
	"path": "spec",
	"spec": {"containers": [{"name": "app", "image": image}]},
}]})

guardrails := {"rules": {"workload/image": {"params": {"registries": ["registry.example.com/"]}}}}

test_an_image_of_another_registry_is_found if {
	image.findings == {{
		"message": "runs nginx:1, of no registry that the guardrails name",
		"fields": ["spec.containers[0].image"],
	}} with input as runs("nginx:1") with data.guardrails as guardrails
}

test_an_image_of_a_named_registry_is_not_found if {
	image.findings == set() with input as runs("registry.example.com/nginx:1") with data.guardrails as guardrails
}

test_every_image_is_found_where_no_registry_is_named if {
	found := image.findings with input as runs("registry.example.com/nginx:1") with data.guardrails as {}
	count(found) == 1
}
