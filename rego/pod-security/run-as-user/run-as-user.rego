# METADATA
# title: Running as a non-root user
# description: |
#   Pod Security Standards, restricted: runAsUser is 0 nowhere; any user in a user namespace, since 1.35.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.2.7, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set runAsUser above 0, or leave it out."
package sallyport.rules.pod_security.run_as_user

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.root_users
	pod_security.judged(context.pod)
	not pod_security.user_namespace(context.pod)
	field := $"{context.path}.runAsUser"
	message := $"{pods.owner(context)} runs as user 0"
}
