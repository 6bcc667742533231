# METADATA
# title: Host probes and lifecycle hooks
# description: |
#   Pod Security Standards, baseline, since 1.34: no probe and no lifecycle hook may name a host.
# custom:
#   severity: medium
#   ids: [PSS-BASELINE, T1090, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny, pod-security/restricted: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Leave host out: a probe asks the pod itself."
package sallyport.rules.pod_security.host_probes

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"container": c, "path": path, "host": host} in pod_security.probe_hosts
	pod_security.judged(c.pod)
	field := $"{c.path}.{path}.host"
	message := $"{pods.owner(c)} has its kubelet reach {host}"
}
