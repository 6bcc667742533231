# METADATA
# title: The cluster's own namespaces
# description: |
#   What runs in kube-system holds the cluster up and is trusted by all of it; what is written in kube-public
#   everyone reads, and the leases of kube-node-lease say which nodes live. The components write there with
#   identities of their own, not through an agent.
# custom:
#   severity: high
#   ids: [MS-TA9014, T1610]
#   effect: hold
#   privileged: true
#   match:
#     - operations: [CREATE, UPDATE, DELETE]
#   parameters:
#     namespaces:
#       description: Namespaces beside kube-system, kube-public and kube-node-lease that are as dear.
#       type: array
#   remediation: Work in a namespace of your own, or ask for approval.
package sallyport.rules.namespaces.system

import data.sallyport.lib.params
import data.sallyport.lib.requests

findings contains {"message": message, "fields": []} if {
	is_system(input.request.namespace)
	not input.request.resource.group in {"authorization.k8s.io", "authentication.k8s.io"}
	message := $"{requests.deed} {requests.target}, in a namespace of the cluster's own"
}

is_system(name) if name in {"kube-system", "kube-public", "kube-node-lease"}

is_system(name) if name in params.get("namespaces/system", "namespaces", [])
