# METADATA
# title: The node's network
# description: |
#   A pod in the network of its node reaches what listens on the node's loopback, answers in the node's name,
#   and no NetworkPolicy applies to it. The instance metadata of a cloud, with the node's credentials, is open
#   to it.
# custom:
#   severity: high
#   ids: [CIS-5.2.5, MS-TA9018, T1611, T1557, T1552.005, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostNetwork out; publish ports by a Service.
package sallyport.rules.workload.host_network

import data.sallyport.lib.pods

findings contains {"message": "the pod is in the network of its node", "fields": [field]} if {
	some pod in pods.written
	pod.spec.hostNetwork == true
	not pods.before(pod.path).hostNetwork
	field := $"{pod.path}.hostNetwork"
}
