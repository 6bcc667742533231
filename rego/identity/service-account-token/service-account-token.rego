# METADATA
# title: Service account tokens
# description: |
#   A token outlives the session, works from anywhere, and passes this gateway by.
# custom:
#   severity: critical
#   ids: [CIS-5.1.13, T1528, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [serviceaccounts]
#       subresources: [token]
#   remediation: Run the work in a pod that has the service account; its token is mounted and renewed there.
package sallyport.rules.identity.service_account_token

import data.sallyport.lib.requests

findings contains {"message": $"asks for a token of {requests.parent}", "fields": []}
