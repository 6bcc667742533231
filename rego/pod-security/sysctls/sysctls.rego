# METADATA
# title: Sysctls
# description: |
#   Pod Security Standards, baseline: only the sysctls that are known to be safe for the node and its other pods.
# custom:
#   severity: medium
#   ids: [PSS-BASELINE, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave it out.
package sallyport.rules.pod_security.sysctls

import data.sallyport.lib.pod_security

findings contains {"message": $"the pod sets the sysctl {name}", "fields": [field]} if {
	some {"context": context, "index": i, "name": name} in pod_security.sysctls
	pod_security.judged(context.pod)
	field := $"{context.path}.sysctls[{i}].name"
}
