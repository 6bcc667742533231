# METADATA
# title: Deleting events
# description: |
#   Events say what happened to whom: taking them away hides an attack from whoever looks for it.
# custom:
#   severity: high
#   ids: [MS-TA9022, T1070]
#   effect: deny
#   privileged: true
#   match:
#     - groups: ["", events.k8s.io]
#       resources: [events]
#       operations: [DELETE]
#   remediation: Leave them; the cluster drops events by itself, after an hour where nobody set it otherwise.
package sallyport.rules.evidence.events

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
