# METADATA
# title: Pods on a node of choice
# description: |
#   A pod that names its node passes the scheduler by: taints, affinity and resources count for nothing, and
#   it lands beside the pods that the author picked.
# custom:
#   severity: medium
#   ids: [T1610, T1611]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     nodes:
#       description: Nodes that templates may name; globs.
#       type: array
#   remediation: Leave `nodeName` out, and say with `nodeSelector` or `affinity` what the pod needs.
package sallyport.rules.scheduling.node_name

import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": $"runs on the node {name}, past the scheduler", "fields": [$"{pod.path}.nodeName"]} if {
	some pod in pods.written
	name := pod.spec.nodeName
	not name in {"", null, object.get(pods.before(pod.path), "nodeName", "")}
	not params.names("scheduling/node-name", "nodes", name)
}
