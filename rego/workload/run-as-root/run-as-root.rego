# METADATA
# title: User 0
# description: |
#   A program that an author has run as user 0 is root on the node wherever the isolation of its container
#   fails, whatever user its image names.
# custom:
#   severity: high
#   ids: [CIS-5.2.7, T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Set runAsNonRoot: true and a runAsUser above 0, or leave the user to the image."
package sallyport.rules.workload.run_as_root

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.root_users
	not context.before.runAsUser == 0
	field := $"{context.path}.runAsUser"
	message := $"{pods.owner(context)} runs as user 0"
}
