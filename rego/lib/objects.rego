# METADATA
# title: What a write changes
package sallyport.lib.objects

last_applied := "kubectl.kubernetes.io/last-applied-configuration"

# METADATA
# description: |
#   An update or patch after which only what clients and the server keep for themselves differs: the
#   last-applied annotation, versions, who manages which field. Unknown facts are a change.
bookkeeping_only if {
	input.request.operation == "UPDATE"
	is_object(input.object)
	is_object(input.oldObject)
	authored(input.object) == authored(input.oldObject)
}

# All of the metadata that an author can set (ObjectMeta of k8s.io/apimachinery meta/v1) beside annotations.
authored_metadata := ["name", "namespace", "labels", "ownerReferences", "finalizers"]

authored(thing) := {
	"metadata": {key: object.get(thing, ["metadata", key], null) | some key in authored_metadata},
	"annotations": object.remove(object.get(thing, ["metadata", "annotations"], {}), [last_applied]),
	"rest": object.remove(thing, ["metadata"]),
}

# METADATA
# description: What is stored at a path of keys; null where nothing is, or where nothing is known of it.
before(path) := object.get(input, array.concat(["oldObject"], path), null)
