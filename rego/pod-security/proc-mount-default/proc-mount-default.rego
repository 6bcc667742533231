# METADATA
# title: The /proc mount type, always
# description: |
#   Pod Security Standards, restricted: /proc is masked as by default, in a user namespace too.
# custom:
#   severity: high
#   ids: [PSS-RESTRICTED, T1611, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave procMount out.
package sallyport.rules.pod_security.proc_mount_default

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.proc_mounts
	pod_security.judged(context.pod)
	field := $"{context.path}.procMount"
	message := $"{pods.owner(context)} has a /proc that is {context.set.procMount}"
}
