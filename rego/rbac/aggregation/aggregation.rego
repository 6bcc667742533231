# METADATA
# title: Aggregated cluster roles
# description: |
#   A ClusterRole with an aggregationRule is filled in by the cluster with whatever matches, now and later. One that
#   carries a label `aggregate-to-admin`, `-edit` or `-view` adds its rules to a role that many are bound to already,
#   with no binding of its own.
# custom:
#   severity: critical
#   ids: [CIS-5.1.1, CIS-5.1.3, MS-TA9019, T1098.006, K02]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   needs: [object]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [clusterroles]
#       operations: [CREATE, UPDATE]
#   remediation: Write a role of its own and have an administrator bind it to who needs it.
package sallyport.rules.rbac.aggregation

import data.sallyport.lib.requests

findings contains {
	"message": $"has the cluster fill in {requests.target} from other cluster roles",
	"fields": ["aggregationRule"],
} if {
	is_object(input.object.aggregationRule)
}

findings contains {
	"message": $"adds the rules of {requests.target} to another role by the label {label}",
	"fields": [$"metadata.labels['{label}']"],
} if {
	some label, value in input.object.metadata.labels
	startswith(label, "rbac.authorization.k8s.io/aggregate-to-")
	value != null
}
