# METADATA
# title: The node's inter-process communication
# description: |
#   A pod in the IPC namespace of its node reads and writes the shared memory of what runs there.
# custom:
#   severity: high
#   ids: [CIS-5.2.4, T1611, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostIPC out; containers of one pod share memory already.
package sallyport.rules.workload.host_ipc

import data.sallyport.lib.pods

findings contains {"message": "the pod is in the IPC namespace of its node", "fields": [field]} if {
	some pod in pods.written
	pod.spec.hostIPC == true
	not pods.before(pod.path).hostIPC
	field := $"{pod.path}.hostIPC"
}
