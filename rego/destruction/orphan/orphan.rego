# METADATA
# title: Deleting without what is owned
# description: |
#   What the object owned runs on with nobody to look after it: pods without their Deployment, which no later
#   deletion of that finds.
# custom:
#   severity: medium
#   ids: [MS-TA9038, MS-TA9014]
#   effect: hold
#   privileged: true
#   match:
#     - operations: [DELETE]
#   remediation: Leave `--cascade=orphan` out.
package sallyport.rules.destruction.orphan

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target} and leaves what it owns", "fields": [field]} if {
	some field, value in {"propagationPolicy": "Orphan", "orphanDependents": true}
	input.request.options[field] == value
}
