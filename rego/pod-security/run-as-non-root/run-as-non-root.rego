# METADATA
# title: Running as non-root
# description: |
#   Pod Security Standards, restricted: runAsNonRoot is true on the pod or on each of its containers, and false
#   nowhere; any value in a user namespace, since 1.35.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.2.7, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set securityContext.runAsNonRoot: true on the pod."
package sallyport.rules.pod_security.run_as_non_root

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.judged_contexts
	context.set.runAsNonRoot == false
	not pod_security.user_namespace(context.pod)
	field := $"{context.path}.runAsNonRoot"
	message := $"{pods.owner(context)} sets runAsNonRoot to false"
}

findings contains {"message": message, "fields": [field]} if {
	some c in pod_security.judged_containers
	not c.pod.spec.securityContext.runAsNonRoot == true
	not is_boolean(object.get(c.container, ["securityContext", "runAsNonRoot"], null))
	not pod_security.user_namespace(c.pod)
	field := $"{c.path}.securityContext.runAsNonRoot"
	message := $"neither the pod nor {pods.owner(c)} sets runAsNonRoot to true"
}
