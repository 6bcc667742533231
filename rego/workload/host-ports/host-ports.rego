# METADATA
# title: Ports of the node
# description: |
#   A port of the node is reached past every Service and NetworkPolicy, and takes the place of what should
#   listen there. What the API server itself fills in for a pod in its node's network is not asked for.
# custom:
#   severity: medium
#   ids: [CIS-5.2.12, T1557, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostPort out; publish the port by a Service.
package sallyport.rules.workload.host_ports

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"container": c, "index": i, "port": port} in pod_security.host_ports
	not defaulted(c.pod, port)
	not [port.hostPort, object.get(port, "hostIP", "")] in ports(c.before)
	field := $"{c.path}.ports[{i}].hostPort"
	message := $"{pods.owner(c)} takes port {port.hostPort} of its node"
}

# SetDefaults_PodSpec of k8s.io/kubernetes/pkg/apis/core/v1: all of them, and workload/host-network finds those.
defaulted(pod, port) if {
	pod.spec.hostNetwork == true
	port.hostPort == port.containerPort
}

ports(container) := {[port.hostPort, object.get(port, "hostIP", "")] | some port in container.ports}
