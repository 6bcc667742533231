# METADATA
# title: HostProcess
# description: |
#   Pod Security Standards, baseline: no Windows pod and no container of one is a process of its node.
# custom:
#   severity: critical
#   ids: [PSS-BASELINE, CIS-5.2.10, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostProcess out.
package sallyport.rules.pod_security.host_process

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some context in pod_security.host_processes
	pod_security.judged(context.pod)
	field := $"{context.path}.windowsOptions.hostProcess"
	message := $"{pods.owner(context)} runs as a process of its Windows node"
}
