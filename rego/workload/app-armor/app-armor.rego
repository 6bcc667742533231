# METADATA
# title: No AppArmor profile
# description: |
#   AppArmor's profile of the runtime keeps programs from mounting, from tracing others and from the kernel's
#   settings under /proc and /sys. The annotation of before Kubernetes 1.30 counts as the field does.
# custom:
#   severity: high
#   ids: [T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use RuntimeDefault, or Localhost with a profile of the node.
package sallyport.rules.workload.app_armor

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.app_armor_profiles
	type := object.get(context.set, ["appArmorProfile", "type"], "")
	not context.before.appArmorProfile.type == type
	field := $"{context.path}.appArmorProfile.type"
	message := $`the AppArmor profile of {pods.owner(context)} is "{type}"`
}

findings contains {"message": message, "fields": [field]} if {
	some {"pod": pod, "name": name, "value": value} in pod_security.app_armor_annotations
	not pods.annotations_before(pod)[name] == value
	field := pods.annotation_field(pod, name)
	message := $`an annotation sets the AppArmor profile "{value}"`
}
