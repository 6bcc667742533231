# METADATA
# title: Writing nodes
# description: |
#   Labels and taints say which pods a node may run, its status how many and whether it lives: whoever writes
#   them draws the pods of others to a node of choice, or drives them off.
# custom:
#   severity: high
#   ids: [steal_pods, T1499, MS-TA9038]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [nodes]
#       subresources: ["", status]
#       operations: [CREATE, UPDATE]
#   remediation: Have an administrator change the node, or ask for approval.
package sallyport.rules.nodes.write

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": changed}

parts := [
	["metadata", "annotations"],
	["metadata", "labels"],
	["spec", "taints"],
	["spec", "unschedulable"],
	["status"],
]

changed := [concat(".", part) |
	some part in parts
	object.get(input, array.concat(["object"], part), null) != object.get(input, array.concat(["oldObject"], part), null)
]
