# METADATA
# title: Deleting without grace
# description: |
#   A grace period of 0 takes the object away before its programs were told, and the same name may run twice:
#   data is lost or written by two.
# custom:
#   severity: medium
#   ids: [MS-TA9038, T1489]
#   effect: hold
#   privileged: true
#   match:
#     - operations: [DELETE]
#   remediation: Leave `--force` and `--grace-period=0` out.
package sallyport.rules.destruction.grace_period

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target} with no grace", "fields": ["gracePeriodSeconds"]} if {
	input.request.options.gracePeriodSeconds == 0
}
