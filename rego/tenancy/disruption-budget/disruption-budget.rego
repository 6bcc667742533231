# METADATA
# title: Pod disruption budgets
# description: |
#   A PodDisruptionBudget is what an eviction stops at: without it a drain takes all replicas at once, and with a wrong
#   one no node can be drained.
# custom:
#   severity: medium
#   ids: [T1562]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [policy]
#       resources: [poddisruptionbudgets]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask whoever runs the workload to make the change.
package sallyport.rules.tenancy.disruption_budget

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
