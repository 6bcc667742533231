# METADATA
# title: Role bindings
# description: |
#   Whoever binds a role hands out rights in a namespace; whoever unbinds one takes them from others.
# custom:
#   severity: high
#   ids: [CIS-5.1.1, CIS-5.1.8, MS-TA9019, T1098.006, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [rbac.authorization.k8s.io, authorization.openshift.io]
#       resources: [rolebindings]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask an administrator to install the binding beforehand.
package sallyport.rules.rbac.role_binding

import data.sallyport.lib.bindings
import data.sallyport.lib.requests

findings contains {
	"message": $"binds {bindings.role} in namespace {input.request.namespace}{bindings.to_whom}",
	"fields": bindings.fields,
} if {
	input.request.operation != "DELETE"
}

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []} if {
	input.request.operation == "DELETE"
}
