# METADATA
# title: Cloud identities of service accounts
# description: |
#   An annotation of a ServiceAccount names the cloud identity that its pods act as: a role of AWS (IRSA), a service
#   account of Google Cloud, an application of Azure, a RAM role of Alibaba Cloud. Whoever sets it, and runs a pod,
#   leaves the cluster with that identity's rights.
# related_resources:
#   - ref: https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
#   - ref: https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
#   - ref: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
#   - ref: https://www.alibabacloud.com/help/en/container-service-for-kubernetes/latest/ack-pod-identity-webhook
# custom:
#   severity: critical
#   ids: [K08, T1078.004]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [serviceaccounts]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Have an administrator create the service account with its cloud identity, and name it in the pod.
package sallyport.rules.cloud.workload_identity

import data.sallyport.lib.objects
import data.sallyport.lib.requests

findings contains {
	"message": $"gives {requests.target} a cloud identity: {key} is {value}",
	"fields": [$"metadata.annotations['{key}']"],
} if {
	some key, value in input.object.metadata.annotations
	names_identity(key)
	value != null
	value != objects.before(["metadata", "annotations", key])
}

names_identity(key) if {
	key in {
		"eks.amazonaws.com/role-arn",
		"iam.gke.io/gcp-service-account",
		"pod-identity.alibabacloud.com/role-name",
	}
}

names_identity(key) if startswith(key, "azure.workload.identity/")
