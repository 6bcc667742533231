# METADATA
# title: Capabilities dropped
# description: |
#   Pod Security Standards, restricted: every container drops ALL, and adds NET_BIND_SERVICE at most. Windows has
#   no such thing.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.2.9, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set securityContext.capabilities.drop: [ALL] on every container."
package sallyport.rules.pod_security.capabilities_dropped

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some c in pod_security.judged_containers
	not drops_all(c.container)
	not pod_security.windows(c.pod)
	field := $"{c.path}.securityContext.capabilities.drop"
	message := $"{pods.owner(c)} does not drop ALL capabilities"
}

findings contains {"message": message, "fields": [field]} if {
	some c in pod_security.judged_containers
	some i, name in c.container.securityContext.capabilities.add
	name != "NET_BIND_SERVICE"
	not pod_security.windows(c.pod)
	field := $"{c.path}.securityContext.capabilities.add[{i}]"
	message := $"{pods.owner(c)} adds the capability {name}"
}

drops_all(container) if "ALL" in container.securityContext.capabilities.drop
