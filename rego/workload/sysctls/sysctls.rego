# METADATA
# title: Unsafe sysctls
# description: |
#   A sysctl that is not known to be safe changes the kernel of the node for what else runs there. The list is
#   that of the Pod Security Standards.
# custom:
#   severity: medium
#   ids: [T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave it out, or have an administrator set it on the node.
package sallyport.rules.workload.sysctls

import data.sallyport.lib.pod_security

findings contains {"message": message, "fields": [field]} if {
	some {"context": context, "index": i, "name": name} in pod_security.sysctls
	not sysctl_before(context, i)
	field := $"{context.path}.sysctls[{i}]"
	message := $"the pod sets the sysctl {name}"
}

sysctl_before(context, i) if context.set.sysctls[i] in context.before.sysctls
