# METADATA
# title: Leases
# description: |
#   A Lease says which replica of a controller leads, and that a node is alive: whoever writes it takes the lead away
#   from a controller, or has a node's pods thrown out.
# custom:
#   severity: high
#   ids: [T1562, T1499]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [coordination.k8s.io]
#       resources: [leases, leasecandidates]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Restart the controller that holds the lease; it gives it up by itself.
package sallyport.rules.tenancy.lease

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
