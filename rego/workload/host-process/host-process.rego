# METADATA
# title: Windows HostProcess containers
# description: |
#   A HostProcess container is a process of its Windows node with no isolation at all.
# custom:
#   severity: critical
#   ids: [CIS-5.2.10, MS-TA9018, T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostProcess out.
package sallyport.rules.workload.host_process

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.host_processes
	not context.before.windowsOptions.hostProcess
	field := $"{context.path}.windowsOptions.hostProcess"
	message := $"{pods.owner(context)} runs as a process of its Windows node"
}
