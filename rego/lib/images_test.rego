package sallyport.lib.images_test

import data.sallyport.lib.given
import data.sallyport.lib.images

test_a_reference_is_completed_as_the_runtime_does if {
	repositories := {
		"nginx": "docker.io/library/nginx",
		"nginx:1.29": "docker.io/library/nginx",
		"bitnami/redis@sha256:00": "docker.io/bitnami/redis",
		"registry.example.com/app:1": "registry.example.com/app",
		"registry.example.com:5000/shop/app:1@sha256:00": "registry.example.com:5000/shop/app",
		"localhost/app": "localhost/app",
		"HOST/app": "HOST/app",
	}
	every image, name in repositories {
		images.repository(image) == name
	}
}

test_a_port_is_no_tag if {
	images.tag("registry.example.com:5000/app:1") == "1"
	not images.tag("registry.example.com:5000/app")
	not images.tag("nginx@sha256:00")
}

test_a_prefix_ends_where_a_part_of_the_path_does if {
	every image, allowed in {
		"registry.example.com/app": true,
		"registry.example.com.evil.net/app": false,
		"registry.example.com:5000/app": false,
		"registry.example.com@evil.net/app": false,
	} {
		every prefix in ["registry.example.com", "registry.example.com/"] {
			allowed == is_under(image, [prefix])
		}
	}
	images.under("nginx:1", ["docker.io/library/nginx"])
	not images.under("nginx:1", [])
}

is_under(image, prefixes) if images.under(image, prefixes)

is_under(image, prefixes) := false if not images.under(image, prefixes)

writes(spec, before) := given.request("patch", "pods", {
	"podSpecs": [{"path": "spec", "spec": spec}],
	"oldObject": {"spec": before},
})

spec := {
	"containers": [{"name": "app", "image": "app:2"}, {"name": "same", "image": "same:1"}, {"name": "none"}],
	"initContainers": [{"name": "app", "image": "init:1"}],
	"ephemeralContainers": [{"name": "debugger", "image": "sh:1"}],
	"volumes": [
		{"name": "v", "image": {"reference": "data:2"}},
		{"name": "w", "image": {"reference": "kept:1"}},
		{"name": "x", "emptyDir": {}},
	],
}

before := {
	"containers": [{"name": "app", "image": "app:1"}, {"name": "same", "image": "same:1"}],
	"volumes": [{"name": "other", "image": {"reference": "kept:1"}}],
}

test_what_stood_there_before_is_not_among_them if {
	images.written == {
		{"image": "app:2", "field": "spec.containers[0].image"},
		{"image": "init:1", "field": "spec.initContainers[0].image"},
		{"image": "sh:1", "field": "spec.ephemeralContainers[0].image"},
		{"image": "data:2", "field": "spec.volumes[0].image.reference"},
	} with input as writes(spec, before)
}
