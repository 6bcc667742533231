# METADATA
# title: AppArmor
# description: |
#   Pod Security Standards, baseline: the AppArmor profile is the runtime's, or a file of the node; in the field
#   and in the annotations of before Kubernetes 1.30.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use RuntimeDefault or Localhost.
package sallyport.rules.pod_security.app_armor

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.app_armor_profiles
	pod_security.judged(context.pod)
	field := $"{context.path}.appArmorProfile.type"
	type := object.get(context.set, ["appArmorProfile", "type"], "")
	message := $`the AppArmor profile of {pods.owner(context)} is "{type}"`
}

findings contains {"message": message, "fields": [field]} if {
	some annotation in pod_security.app_armor_annotations
	annotated(annotation)
	field := pods.annotation_field(annotation.pod, annotation.name)
	message := $`an annotation sets the AppArmor profile "{annotation.value}"`
}

annotated(annotation) if pod_security.judged(annotation.pod)

# Annotations stand beside the spec: they may change alone.
annotated(annotation) if not pods.annotations_before(annotation.pod)[annotation.name] == annotation.value
