# METADATA
# title: Vocabulary of rules on pod templates
package sallyport.lib.pods

# METADATA
# description: |
#   The pod templates that this request writes. The server ignores the template in a write of status, and a
#   scale has none.
written := input.podSpecs if {
	input.request.operation in {"CREATE", "UPDATE"}
	not input.request.subResource in {"scale", "status"}
}

# METADATA
# description: |
#   The stored pod template at the path of one of `input.podSpecs`; empty where there was none.
before(path) := object.get(input, array.concat(["oldObject"], split(path, ".")), {})

# METADATA
# description: The template at this path already mounted this hostPath (an absent type is the type "").
mounted_before(path, host_path) if {
	some volume in before(path).volumes
	volume.hostPath.path == host_path.path
	object.get(volume.hostPath, "type", "") == object.get(host_path, "type", "")
}
