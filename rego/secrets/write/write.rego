# METADATA
# title: Writing Secrets
# description: |
#   Replaces or destroys credentials that running workloads rely on. A write that changes bookkeeping only,
#   as an unchanged `kubectl apply` does, is none. Answers are masked as those of reads are.
# custom:
#   severity: high
#   ids: [CIS-5.1.2, MS-TA9025, T1552.007, K03]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [secrets]
#       operations: [CREATE, UPDATE]
#       needs: [object, oldObject, outcome]
#     - groups: [""]
#       resources: [secrets]
#       operations: [DELETE]
#   remediation: Ask for approval, or have the Secret made by what owns it (an operator, a secret store).
package sallyport.rules.secrets.write

import data.sallyport.lib.objects
import data.sallyport.lib.requests
import data.sallyport.lib.secrets

findings contains {"message": $"{requests.deed} {requests.target}", "fields": secrets.changed} if {
	not objects.bookkeeping_only
}

masks contains secrets.mask
