# METADATA
# title: Unmasked /proc
# description: |
#   A container whose /proc is not masked reads and writes kernel settings of its node that the mask hides.
# custom:
#   severity: high
#   ids: [T1611, CE_UMH_CORE_PATTERN, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Leave procMount out: Default masks what a program has no use for."
package sallyport.rules.workload.proc_mount

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.proc_mounts
	proc_mount := context.set.procMount
	not context.before.procMount == proc_mount
	field := $"{context.path}.procMount"
	message := $"{pods.owner(context)} has a /proc that is {proc_mount}"
}
