# METADATA
# title: hostPath volumes
# description: |
#   A pod that mounts a directory of its node reads and writes what belongs to the node and to every other
#   pod there: kubelet credentials, container sockets, other tenants' volumes.
# custom:
#   severity: high
#   ids: [CIS-5.2.12, MS-TA9013, T1611, CE_VAR_LOG_SYMLINK, K01]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use a persistentVolumeClaim, an emptyDir, or a projected volume.
package sallyport.rules.workload.host_path

import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some pod in pods.written
	some i, volume in pod.spec.volumes
	host_path := volume.hostPath
	not pods.mounted_before(pod.path, host_path)
	field := $"{pod.path}.volumes[{i}].hostPath"
	message := $"volume {volume.name} mounts {host_path.path} of the node"
}
