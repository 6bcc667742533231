# METADATA
# title: Privileged containers
# description: |
#   A privileged container has every capability and every device of its node, and no seccomp, AppArmor or
#   SELinux confinement: root in it is root on the node.
# custom:
#   severity: critical
#   ids: [CIS-5.2.2, MS-TA9018, T1611, CE_MODULE_LOAD, CE_PRIV_MOUNT, CE_UMH_CORE_PATTERN, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Drop privileged; give the one capability or device that the program needs.
package sallyport.rules.workload.privileged

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.privileged
	not context.before.privileged
	field := $"{context.path}.privileged"
	message := $"{pods.owner(context)} is privileged"
}
