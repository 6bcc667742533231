# METADATA
# title: Seccomp required
# description: |
#   Pod Security Standards, restricted: the pod or each of its containers has the seccomp profile of the runtime
#   or a file of the node, and none has another. Windows has no such thing.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.6.2, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set securityContext.seccompProfile.type: RuntimeDefault on the pod."
package sallyport.rules.pod_security.seccomp_required

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.seccomp_profiles
	pod_security.judged(context.pod)
	not pod_security.windows(context.pod)
	field := $"{context.path}.seccompProfile.type"
	type := object.get(context.set, ["seccompProfile", "type"], "")
	message := $`the seccomp profile of {pods.owner(context)} is "{type}"`
}

findings contains {"message": message, "fields": [field]} if {
	some c in pod_security.judged_containers
	not is_object(object.get(c.container, ["securityContext", "seccompProfile"], null))
	not confined(c.pod)
	not pod_security.windows(c.pod)
	field := $"{c.path}.securityContext.seccompProfile"
	message := $"neither the pod nor {pods.owner(c)} has a seccomp profile"
}

confined(pod) if pod.spec.securityContext.seccompProfile.type in {"RuntimeDefault", "Localhost"}
