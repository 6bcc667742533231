# METADATA
# title: Quotas and limit ranges
# description: |
#   ResourceQuotas and LimitRanges are what keeps one tenant from taking the nodes of all.
# custom:
#   severity: high
#   ids: [T1562, T1496]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [resourcequotas, limitranges]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask whoever keeps the namespace's limits to make the change.
package sallyport.rules.tenancy.quota

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
