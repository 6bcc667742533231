# METADATA
# title: Privilege escalation
# description: |
#   Pod Security Standards, restricted: every container sets allowPrivilegeEscalation to false. Windows has no
#   such thing.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.2.6, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set securityContext.allowPrivilegeEscalation: false on every container."
package sallyport.rules.pod_security.privilege_escalation

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some c in pod_security.judged_containers
	not c.container.securityContext.allowPrivilegeEscalation == false
	not pod_security.windows(c.pod)
	field := $"{c.path}.securityContext.allowPrivilegeEscalation"
	message := $"{pods.owner(c)} does not set allowPrivilegeEscalation to false"
}
