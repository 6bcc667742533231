# METADATA
# title: Deleting collections
# description: |
#   One request takes all objects of a kind in a namespace, or all that a selector names, whoever made them.
#   kubectl asks object by object, also for `--all` and for selectors.
# custom:
#   severity: high
#   ids: [MS-TA9038, T1485]
#   effect: hold
#   privileged: true
#   match:
#     - verbs: [deletecollection]
#       operations: [DELETE]
#   remediation: Delete objects one by one by their names.
package sallyport.rules.destruction.collection

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
