# METADATA
# title: The aws-auth ConfigMap
# description: |
#   EKS takes the cluster's identities from kube-system/aws-auth: a line in it makes an AWS role system:masters, and a
#   line less locks everybody out.
# custom:
#   severity: critical
#   ids: [K08, T1098]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [configmaps]
#       operations: [CREATE]
#       needs: [object]
#     - groups: [""]
#       resources: [configmaps]
#       operations: [UPDATE, DELETE]
#   remediation: Ask an administrator of the cluster, or use EKS access entries.
package sallyport.rules.cloud.aws_auth

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []} if {
	input.request.namespace == "kube-system"
	reached
}

reached if input.request.name == "aws-auth"

# Whatever its selectors say.
reached if input.request.verb == "deletecollection"
