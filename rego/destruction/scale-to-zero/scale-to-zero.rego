# METADATA
# title: Scaling to zero
# description: |
#   A workload without replicas is stopped as surely as a deleted one, by its scale or by a write of the
#   object itself.
# custom:
#   severity: high
#   ids: [MS-TA9038, T1489]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - subresources: [scale]
#       operations: [CREATE, UPDATE]
#     - resources: [deployments, statefulsets, replicasets, replicationcontrollers, rollouts]
#       subresources: [""]
#       operations: [UPDATE]
#   remediation: Leave one replica, or ask for approval.
package sallyport.rules.destruction.scale_to_zero

import data.sallyport.lib.requests

findings contains {"message": $"stops {requests.parent}: no replica is left", "fields": ["spec.replicas"]} if {
	wanted == 0
	object.get(input, ["oldObject", "spec", "replicas"], 1) != 0
}

# What a PUT or an apply creates stops nothing.
wanted := input.object.spec.replicas if {
	input.request.subResource == ""
	not object.get(input, "oldObject", "unknown") == null
}

# A scale without replicas, as the server writes zero, has none (autoscaling/v1 ScaleSpec, omitempty).
wanted := 0 if {
	input.request.subResource == "scale"
	is_object(input.object)
	object.get(input.object, ["spec", "replicas"], 0) in {0, null}
}
