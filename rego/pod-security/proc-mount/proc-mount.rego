# METADATA
# title: The /proc mount type
# description: |
#   Pod Security Standards, baseline: /proc is masked as by default; any type in a user namespace, since 1.35.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave procMount out, or set hostUsers to false.
package sallyport.rules.pod_security.proc_mount

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.proc_mounts
	pod_security.judged(context.pod)
	not pod_security.user_namespace(context.pod)
	field := $"{context.path}.procMount"
	message := $"{pods.owner(context)} has a /proc that is {context.set.procMount}"
}
