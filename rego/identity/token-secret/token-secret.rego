# METADATA
# title: Secrets that hold a service account token
# description: |
#   The cluster fills such a Secret with a token that never expires, of the service account that its annotation names.
# custom:
#   severity: critical
#   ids: [CIS-5.1.13, T1528, K02]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [secrets]
#       operations: [CREATE, UPDATE]
#   remediation: Run the work in a pod that has the service account; its token is mounted and renewed there.
package sallyport.rules.identity.token_secret

import data.sallyport.lib.requests

findings contains {"message": $"has the cluster fill {requests.target} with a token", "fields": ["type"]} if {
	input.object.type == token_type
	object.get(input, ["oldObject", "type"], "") != token_type
}

findings contains {
	"message": $"has the cluster fill {requests.target} with a token of {input.object.metadata.annotations[account]}",
	"fields": [$"metadata.annotations['{account}']"],
} if {
	input.object.type == token_type
	input.oldObject.type == token_type
	input.object.metadata.annotations[account] != input.oldObject.metadata.annotations[account]
}

token_type := "kubernetes.io/service-account-token"

account := "kubernetes.io/service-account.name"
