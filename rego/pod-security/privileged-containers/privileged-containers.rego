# METADATA
# title: Privileged containers
# description: |
#   Pod Security Standards, baseline: privileged containers disable most security mechanisms and must not be.
# custom:
#   severity: critical
#   ids: [PSS-BASELINE, CIS-5.2.2, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Drop privileged.
package sallyport.rules.pod_security.privileged_containers

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": $"{pods.owner(context)} is privileged", "fields": [field]} if {
	some context in pod_security.privileged
	pod_security.judged(context.pod)
	field := $"{context.path}.privileged"
}
