# METADATA
# title: Tolerations
# description: |
#   A taint keeps pods off a node: of the control plane, of other tenants. A toleration lets this pod in.
#   Those that the API server gives every pod are not the author's.
# custom:
#   severity: medium
#   ids: [T1610, T1611]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     keys:
#       description: Keys of taints that templates may tolerate; globs.
#       type: array
#   remediation: Leave `tolerations` out, or ask for approval of this taint.
package sallyport.rules.scheduling.toleration

import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": $"tolerates {taint(toleration)}", "fields": [$"{pod.path}.tolerations[{i}]"]} if {
	some pod in pods.written
	some i, toleration in pod.spec.tolerations
	not by_default(toleration)
	not toleration in object.get(pods.before(pod.path), "tolerations", [])
	not params.names("scheduling/toleration", "keys", object.get(toleration, "key", ""))
}

# Of the admission plugins DefaultTolerationSeconds and PodTolerationRestriction (plugin/pkg/admission).
by_default(toleration) if {
	toleration.key in {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
	toleration.operator == "Exists"
	toleration.effect == "NoExecute"
	is_number(toleration.tolerationSeconds)
}

by_default(toleration) if {
	toleration.key == "node.kubernetes.io/memory-pressure"
	toleration.operator == "Exists"
	toleration.effect == "NoSchedule"
}

taint(toleration) := concat("", [key, value, effect]) if {
	key := object.get(toleration, "key", "every taint")
	value := concat("", [$"={v}" | v := toleration.value; v != ""])
	effect := concat("", [$":{e}" | e := toleration.effect; e != ""])
}
