# METADATA
# title: No seccomp profile
# description: |
#   Without a seccomp profile a program may ask its kernel for anything: calls that the runtime's profile
#   refuses are where escapes from containers begin.
# custom:
#   severity: high
#   ids: [CIS-5.6.2, T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use RuntimeDefault, or Localhost with a profile of the node.
package sallyport.rules.workload.seccomp

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.seccomp_profiles
	type := object.get(context.set, ["seccompProfile", "type"], "")
	not context.before.seccompProfile.type == type
	field := $"{context.path}.seccompProfile.type"
	message := $`the seccomp profile of {pods.owner(context)} is "{type}"`
}
