# METADATA
# title: Port forwarding
# description: |
#   A tunnel to a port of a pod passes network policies and whatever else stands in front of it, and nothing
#   on the way sees what goes through.
# custom:
#   severity: medium
#   ids: [T1090]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [portforward]
#       operations: [CONNECT]
#   remediation: Reach the service through its own entrance, or wait for the approval.
package sallyport.rules.access.port_forward

import data.sallyport.lib.requests

findings contains {"message": $"opens a tunnel to {requests.parent}", "fields": []}
