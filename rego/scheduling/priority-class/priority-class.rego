# METADATA
# title: Priority classes
# description: |
#   A pod of high priority evicts others to make room for itself; those of `system-cluster-critical` evict
#   nearly all.
# custom:
#   severity: medium
#   ids: [T1499, K01]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     classes:
#       description: Priority classes that templates may name; globs.
#       type: array
#   remediation: Leave `priorityClassName` out.
package sallyport.rules.scheduling.priority_class

import data.sallyport.lib.authored
import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": $"runs at the priority {name}", "fields": [$"{pod.path}.priorityClassName"]} if {
	some pod in pods.written
	name := pod.spec.priorityClassName
	not name in {"", null, object.get(pods.before(pod.path), "priorityClassName", "")}

	# The cluster's default class (plugin/pkg/admission/priority).
	not authored.silent(pod.path, "priorityClassName")
	not params.names("scheduling/priority-class", "classes", name)
}
