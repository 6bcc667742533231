# METADATA
# title: SELinux options of one's own
# description: |
#   A container with an SELinux type, user or role of its own choice leaves the confinement that the runtime
#   gives it; spc_t is confined by nothing.
# custom:
#   severity: high
#   ids: [T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave seLinuxOptions out; a level, and the types that begin with container_, are free.
package sallyport.rules.workload.selinux

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"context": context, "option": option, "value": value} in pod_security.selinux_options
	not context.before.seLinuxOptions[option] == value
	field := $"{context.path}.seLinuxOptions.{option}"
	message := $"{pods.owner(context)} sets the SELinux {option} {value}"
}
