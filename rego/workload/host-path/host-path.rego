# METADATA
# title: hostPath volumes
# description: |
#   A pod that mounts a directory of its node reads and writes what belongs to the node and to every other
#   pod there: kubelet credentials, container sockets, other tenants' volumes.
# custom:
#   severity: high
#   ids: [CIS-5.2.11, MS-TA9013, T1611, CE_VAR_LOG_SYMLINK, EXPLOIT_HOST_WRITE, EXPLOIT_CONTAINERD_SOCK, K01]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use a persistentVolumeClaim, an emptyDir, or a projected volume.
package sallyport.rules.workload.host_path

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"pod": pod, "index": i, "volume": volume} in pod_security.host_paths
	not mounted_before(pod.path, volume.hostPath)
	field := $"{pod.path}.volumes[{i}].hostPath"
	message := $"volume {volume.name} mounts {volume.hostPath.path} of the node"
}

# An absent type is the type "".
mounted_before(path, host_path) if {
	some volume in pods.before(path).volumes
	volume.hostPath.path == host_path.path
	object.get(volume.hostPath, "type", "") == object.get(host_path, "type", "")
}
