package sallyport.rules.workload.image_tag_test

import data.sallyport.lib.given
import data.sallyport.rules.workload.image_tag

runs(image) := given.request("create", "pods", {"podSpecs": [{
	"path": "spec",
	"spec": {"containers": [{"name": "app", "image": image}]},
}]})

test_latest_and_no_tag_are_found if {
	every name in ["nginx", "nginx:latest", "registry.example.com:5000/nginx"] {
		image_tag.findings == {{
			"message": $"runs {name}, which is another image tomorrow",
			"fields": ["spec.containers[0].image"],
		}} with input as runs(name)
	}
}

test_a_version_or_a_digest_is_not_found if {
	every name in ["nginx:1.29", "nginx@sha256:00", "nginx:latest@sha256:00"] {
		image_tag.findings == set() with input as runs(name)
	}
}

test_the_guardrails_say_which_tags_move if {
	guardrails := {"rules": {"workload/image-tag": {"params": {"tags": ["main", "stable"]}}}}
	every name, n in {"nginx:main": 1, "nginx:latest": 0, "nginx": 1} {
		found := image_tag.findings with input as runs(name) with data.guardrails as guardrails
		count(found) == n
	}
}
