# METADATA
# title: Bindings to everybody
# description: |
#   A binding to these names is a binding to whoever can reach the API server, to every identity or service account
#   that there is, or to a group that no admission and no RBAC stops.
# custom:
#   severity: critical
#   ids: [CIS-5.1.1, CIS-5.1.7, MS-TA9019, T1098.006, K02]
#   effect: deny
#   privileged: true
#   needs: [object]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [rolebindings, clusterrolebindings]
#       operations: [CREATE, UPDATE]
#   remediation: Bind the one user, group or service account that needs the role.
package sallyport.rules.rbac.subjects

import data.sallyport.lib.bindings

findings contains {"message": $"binds {bindings.role} to {subject.name}", "fields": [$"subjects[{i}].name"]} if {
	some i, subject in input.object.subjects
	subject.name in {
		"system:anonymous",
		"system:authenticated",
		"system:masters",
		"system:serviceaccounts",
		"system:unauthenticated",
	}
	subject.kind != "ServiceAccount"
}
