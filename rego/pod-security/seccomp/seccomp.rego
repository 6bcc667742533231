# METADATA
# title: Seccomp
# description: |
#   Pod Security Standards, baseline: a seccomp profile that is set is the runtime's, or a file of the node.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, CIS-5.6.2, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use RuntimeDefault or Localhost.
package sallyport.rules.pod_security.seccomp

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.seccomp_profiles
	pod_security.judged(context.pod)
	field := $"{context.path}.seccompProfile.type"
	type := object.get(context.set, ["seccompProfile", "type"], "")
	message := $`the seccomp profile of {pods.owner(context)} is "{type}"`
}
