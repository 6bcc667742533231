# METADATA
# title: Reclaim policies that delete
# description: |
#   What is stored lives as long as its volume's reclaim policy says. Changed to Delete it goes with the
#   claim, the snapshot or the StatefulSet, past the rule on deleting those.
# custom:
#   severity: high
#   ids: [T1485, MS-TA9038]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [persistentvolumes]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#     - groups: [storage.k8s.io]
#       resources: [storageclasses]
#       operations: [CREATE, UPDATE]
#     - groups: [snapshot.storage.k8s.io]
#       resources: [volumesnapshotclasses, volumesnapshotcontents]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#     - groups: [apps]
#       resources: [statefulsets]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Keep `Retain`.
package sallyport.rules.storage.reclaim_policy

findings contains {"message": $"has the data deleted with what uses it: {field} is {policy}", "fields": [field]} if {
	some path in policies[input.request.resource.resource]
	policy := object.get(input, array.concat(["object"], path), null)
	policy in {"Delete", "Recycle"}
	policy != object.get(input, array.concat(["oldObject"], path), null)
	field := concat(".", path)
}

policies := {
	"persistentvolumes": [["spec", "persistentVolumeReclaimPolicy"]],
	"storageclasses": [["reclaimPolicy"]],
	"volumesnapshotclasses": [["deletionPolicy"]],
	"volumesnapshotcontents": [["spec", "deletionPolicy"]],
	"statefulsets": [
		["spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"],
		["spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"],
	],
}
