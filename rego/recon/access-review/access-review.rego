# METADATA
# title: Asking what one may do
# description: |
#   `kubectl auth can-i` is how an attacker finds out where to go from here, and how an honest agent finds out why
#   something failed: it is recorded in full.
# custom:
#   severity: low
#   ids: [T1613]
#   effect: record
#   record: RequestResponse
#   privileged: false
#   match:
#     - groups: [authorization.k8s.io]
#       resources:
#         - localsubjectaccessreviews
#         - selfsubjectaccessreviews
#         - selfsubjectrulesreviews
#         - subjectaccessreviews
#       operations: [CREATE]
#   remediation: None is needed.
package sallyport.rules.recon.access_review

import data.sallyport.lib.requests

findings contains {"message": $"asks for {requests.target}", "fields": []}
