# METADATA
# title: Listing Secrets
# description: |
#   A list or a watch takes every Secret of a namespace, or of the cluster, in one request. Identities that the
#   guardrails name may; what they see is masked.
# custom:
#   severity: high
#   ids: [CIS-5.1.2, MS-TA9025, T1552.007, K03]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   parameters:
#     users:
#       description: Usernames that may list and watch Secrets, masked.
#       type: array
#     groups:
#       description: Groups whose members may.
#       type: array
#   match:
#     - groups: [""]
#       resources: [secrets]
#       verbs: [list, watch]
#   remediation: Get the one Secret by its name; the answer is masked.
package sallyport.rules.secrets.list

import data.sallyport.lib.requests
import data.sallyport.lib.secrets

findings contains {"message": $"{requests.deed} {requests.target}, all at once", "fields": []} if {
	not secrets.may_list
}

masks contains secrets.mask
