# METADATA
# title: Privilege escalation asked for
# description: |
#   A program that may gain more privileges than its parent (by a setuid file or file capabilities) undoes what
#   else confines it. That is Kubernetes' default; an author who writes it down wants it.
# custom:
#   severity: high
#   ids: [CIS-5.2.6, T1611, T1548, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set allowPrivilegeEscalation: false, or leave it out."
package sallyport.rules.workload.privilege_escalation

import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pods.container_contexts
	context.set.allowPrivilegeEscalation == true
	not context.before.allowPrivilegeEscalation
	field := $"{context.path}.allowPrivilegeEscalation"
	message := $"{pods.owner(context)} may gain more privileges than it starts with"
}
