# METADATA
# title: Listing Secrets
# description: |
#   A list or a watch takes every Secret of a namespace, or of the cluster, in one request.
# custom:
#   severity: high
#   ids: [CIS-5.1.2, MS-TA9025, T1552.007, K03]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [secrets]
#       verbs: [list, watch]
#   remediation: Get the one Secret by its name; the answer is masked.
package sallyport.rules.secrets.list

import data.sallyport.lib.requests
import data.sallyport.lib.secrets

findings contains {"message": $"{requests.deed} {requests.target}, all at once", "fields": []}

masks contains secrets.mask
