# METADATA
# title: The node's processes
# description: |
#   A pod in the process namespace of its node sees every process there, their environment and files under
#   /proc, and with a capability more enters them.
# custom:
#   severity: high
#   ids: [CIS-5.2.3, MS-TA9018, T1611, CE_NSENTER, CE_SYS_PTRACE, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostPID out; a debug container with --target sees the processes of one pod.
package sallyport.rules.workload.host_pid

import data.sallyport.lib.pods

findings contains {"message": "the pod is in the process namespace of its node", "fields": [field]} if {
	some pod in pods.written
	pod.spec.hostPID == true
	not pods.before(pod.path).hostPID
	field := $"{pod.path}.hostPID"
}
