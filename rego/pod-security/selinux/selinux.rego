# METADATA
# title: SELinux
# description: |
#   Pod Security Standards, baseline: the SELinux type is one of those for containers, and user and role are not
#   set.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave seLinuxOptions out, but for the level.
package sallyport.rules.pod_security.selinux

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"context": context, "option": option, "value": value} in pod_security.selinux_options
	pod_security.judged(context.pod)
	field := $"{context.path}.seLinuxOptions.{option}"
	message := $"{pods.owner(context)} sets the SELinux {option} {value}"
}
