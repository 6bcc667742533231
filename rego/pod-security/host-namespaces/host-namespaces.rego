# METADATA
# title: Host namespaces
# description: |
#   Pod Security Standards, baseline: a pod must not share the network, the processes or the inter-process
#   communication of its node.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, CIS-5.2.3, CIS-5.2.4, CIS-5.2.5, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave hostNetwork, hostPID and hostIPC out.
package sallyport.rules.pod_security.host_namespaces

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": $"the pod sets {name}", "fields": [field]} if {
	some pod in pods.written
	some name in ["hostNetwork", "hostPID", "hostIPC"]
	pod.spec[name] == true
	pod_security.judged(pod)
	field := $"{pod.path}.{name}"
}
