# METADATA
# title: Deleting namespaces
# description: |
#   Takes every pod, Secret and volume claim in it along, past the rules on each of them. A write of `finalize`
#   ends a namespace before what is in it has been cleaned up.
# custom:
#   severity: critical
#   ids: [MS-TA9038, T1485]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [namespaces]
#       operations: [DELETE]
#     - groups: [""]
#       resources: [namespaces]
#       subresources: [finalize]
#       operations: [CREATE, UPDATE]
#   remediation: Delete what is no longer needed by its name, or ask for approval.
package sallyport.rules.destruction.namespace

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
