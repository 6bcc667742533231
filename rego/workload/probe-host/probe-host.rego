# METADATA
# title: Probes of another host
# description: |
#   A kubelet that is told a host for a probe or a lifecycle hook sends that request from its own network:
#   whoever writes a pod reaches what only nodes reach, and reads the answer from the pod's state.
# custom:
#   severity: medium
#   ids: [T1611, T1090, T1552.005, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: "Leave host out: a probe asks the pod itself."
package sallyport.rules.workload.probe_host

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"container": c, "path": path, "host": host} in pod_security.probe_hosts
	not object.get(c.before, array.concat(split(path, "."), ["host"]), null) == host
	field := $"{c.path}.{path}.host"
	message := $"{pods.owner(c)} has its kubelet reach {host}"
}
