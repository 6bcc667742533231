# METADATA
# title: HostPath volumes
# description: |
#   Pod Security Standards, baseline: no volume may be a directory of the node.
# custom:
#   severity: high
#   ids: [PSS-BASELINE, CIS-5.2.11, T1611, K01]
#   effect: allow
#   profiles: {pod-security/baseline: deny}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use a persistentVolumeClaim, an emptyDir, or a projected volume.
package sallyport.rules.pod_security.host_path_volumes

import data.sallyport.lib.pod_security

findings contains {"message": message, "fields": [field]} if {
	some {"pod": pod, "index": i, "volume": volume} in pod_security.host_paths
	pod_security.judged(pod)
	field := $"{pod.path}.volumes[{i}].hostPath"
	message := $"volume {volume.name} is a directory of the node"
}
