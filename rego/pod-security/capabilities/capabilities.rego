# METADATA
# title: Capabilities
# description: |
#   Pod Security Standards, baseline: no container may add a capability beyond those that the standard lists.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, CIS-5.2.8, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Add none of them.
package sallyport.rules.pod_security.capabilities

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"context": context, "index": i, "name": name} in pod_security.added_capabilities
	pod_security.judged(context.pod)
	field := $"{context.path}.capabilities.add[{i}]"
	message := $"{pods.owner(context)} adds the capability {name}"
}
