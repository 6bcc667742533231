# METADATA
# title: Deleting nodes
# description: |
#   The pods of a node whose object is gone are lost, and what joins under its name takes its place and its
#   trust.
# custom:
#   severity: high
#   ids: [MS-TA9038, T1485]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [nodes]
#       operations: [DELETE]
#   remediation: Have an administrator take the node out.
package sallyport.rules.nodes.delete

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
