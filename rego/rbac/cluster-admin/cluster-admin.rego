# METADATA
# title: Bindings of cluster-admin
# description: |
#   cluster-admin may do anything to anything. Bound in one namespace it owns that namespace, its role bindings
#   included; bound by a ClusterRoleBinding it owns the cluster.
# custom:
#   severity: critical
#   ids: [CIS-5.1.1, MS-TA9019, T1098.006, K02]
#   effect: deny
#   privileged: true
#   needs: [object]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [rolebindings, clusterrolebindings]
#       operations: [CREATE, UPDATE]
#   remediation: Ask an administrator for a role that grants only what the work needs.
package sallyport.rules.rbac.cluster_admin

import data.sallyport.lib.bindings

findings contains {"message": $"binds cluster-admin{bindings.to_whom}", "fields": ["roleRef.name"]} if {
	input.object.roleRef.name == "cluster-admin"
	input.object.roleRef.kind != "Role"
}
