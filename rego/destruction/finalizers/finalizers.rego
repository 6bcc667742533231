# METADATA
# title: Finalizers
# description: |
#   A finalizer keeps an object until what belongs to it has been cleaned up: disks, load balancers, the data
#   behind a claim. Without it that is lost or left behind; with the finalizer `orphan`, a deletion leaves
#   all that the object owns.
# custom:
#   severity: high
#   ids: [MS-TA9038, T1485]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - operations: [UPDATE]
#       subresources: ["", status, approval, ephemeralcontainers, resize]
#   remediation: Find out why the finalizer does not finish; its controller takes it away.
package sallyport.rules.destruction.finalizers

findings contains {"message": $"takes the finalizer {finalizer} away", "fields": ["metadata.finalizers"]} if {
	is_object(input.object)
	some finalizer in input.oldObject.metadata.finalizers
	not finalizer in present
}

findings contains {"message": "has what it owns left behind when it is deleted", "fields": ["metadata.finalizers"]} if {
	"orphan" in present
	not "orphan" in object.get(input, ["oldObject", "metadata", "finalizers"], [])
}

# A patch whose object is not known says so itself.
findings contains {"message": "takes finalizers away", "fields": ["metadata.finalizers"]} if {
	input.request.patchType in {"merge", "strategic"}
	not is_object(object.get(input, "oldObject", null))
	emptied
}

emptied if object.get(input.object, ["metadata", "finalizers"], "untouched") == null

emptied if {
	input.request.patchType == "merge"
	input.object.metadata.finalizers == []
}

# A strategic merge patch adds to the list, and has a directive for what goes.
emptied if {
	input.request.patchType == "strategic"
	count(input.object.metadata["$deleteFromPrimitiveList/finalizers"]) > 0
}

default present := []

present := input.object.metadata.finalizers if is_array(input.object.metadata.finalizers)
