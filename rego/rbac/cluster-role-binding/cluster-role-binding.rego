# METADATA
# title: Cluster role bindings
# description: |
#   Granting a role in every namespace is how one stolen identity becomes the whole cluster.
# custom:
#   severity: critical
#   ids: [CIS-5.1.1, CIS-5.1.8, MS-TA9019, T1098.006, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [rbac.authorization.k8s.io, authorization.openshift.io]
#       resources: [clusterrolebindings]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask an administrator for the binding, or bind the role in the one namespace that needs it.
package sallyport.rules.rbac.cluster_role_binding

import data.sallyport.lib.bindings
import data.sallyport.lib.requests

findings contains {
	"message": $"binds {bindings.role} in every namespace{bindings.to_whom}",
	"fields": bindings.fields,
} if {
	input.request.operation != "DELETE"
}

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []} if {
	input.request.operation == "DELETE"
}
