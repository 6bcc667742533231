# METADATA
# title: Host ports
# description: |
#   Pod Security Standards, baseline: no container may take a port of its node.
# custom:
#   severity: medium
#   ids: [PSS-BASELINE, CIS-5.2.12, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostPort out; publish the port by a Service.
package sallyport.rules.pod_security.host_ports

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"container": c, "index": i, "port": port} in pod_security.host_ports
	pod_security.judged(c.pod)
	field := $"{c.path}.ports[{i}].hostPort"
	message := $"{pods.owner(c)} takes port {port.hostPort} of its node"
}
