# METADATA
# title: Images that a request names
# description: |
#   A reference is `[host/]path[:tag][@digest]`; without a host it is of Docker Hub
#   (github.com/distribution/reference).
package sallyport.lib.images

import data.sallyport.lib.pods

# METADATA
# scope: document
# description: |
#   The images that containers and image volumes of this request run, but those that the same container, or any
#   volume of the template, had before: the `image` as it is written, and its `field`.
written contains {"image": image, "field": $"{entry.path}.image"} if {
	some entry in pods.containers
	image := entry.container.image
	image != object.get(entry.before, "image", null)
}

written contains {"image": image, "field": $"{pod.path}.volumes[{i}].image.reference"} if {
	some pod in pods.written
	some i, volume in pod.spec.volumes
	image := volume.image.reference
	not image in {before.image.reference | some before in pods.before(pod.path).volumes}
}

# METADATA
# description: The repository with its registry, as the container runtime completes it.
repository(image) := concat("/", array.concat(completed(path), path)) if {
	tagged := split(image, "@")[0]
	parts := split(tagged, "/")
	last := split(parts[count(parts) - 1], ":")[0]
	path := array.concat(array.slice(parts, 0, count(parts) - 1), [last])
}

completed(path) := [] if is_host(path)

completed(path) := ["docker.io"] if {
	not is_host(path)
	count(path) > 1
}

completed([_]) := ["docker.io", "library"]

# What stands before the first slash is a host if it could be no part of a path.
is_host(path) if {
	count(path) > 1
	some mark in [".", ":"]
	contains(path[0], mark)
}

is_host(path) if {
	count(path) > 1
	lower(path[0]) != path[0]
}

is_host(path) if {
	count(path) > 1
	path[0] == "localhost"
}

# METADATA
# description: The tag; undefined where there is none.
tag(image) := split(name, ":")[1] if {
	parts := split(split(image, "@")[0], "/")
	name := parts[count(parts) - 1]
}

# METADATA
# description: |
#   The repository is one of these prefixes or lies below it: `registry.example.com` is no prefix of
#   `registry.example.com.evil.net/app`.
under(image, prefixes) if {
	some prefix in prefixes
	name := repository(image)
	startswith($"{name}/", $"{trim_right(prefix, "/")}/")
}
