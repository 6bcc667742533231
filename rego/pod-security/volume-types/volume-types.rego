# METADATA
# title: Volume types
# description: |
#   Pod Security Standards, restricted: volumes are configMap, csi, downwardAPI, emptyDir, ephemeral, image,
#   persistentVolumeClaim, projected or secret. One that names no source is an emptyDir.
# custom:
#   severity: medium
#   ids: [PSS-RESTRICTED, CIS-5.2.11, K01]
#   effect: allow
#   profiles: {pod-security/restricted: deny}
#   privileged: false
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use a persistentVolumeClaim.
package sallyport.rules.pod_security.volume_types

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some pod in pods.written
	pod_security.judged(pod)
	some i, volume in pod.spec.volumes
	some source, value in volume
	value != null
	not source in allowed
	field := $"{pod.path}.volumes[{i}].{source}"
	message := $"volume {volume.name} is of type {source}"
}

allowed := {
	"configMap",
	"csi",
	"downwardAPI",
	"emptyDir",
	"ephemeral",
	"image",
	"name",
	"persistentVolumeClaim",
	"projected",
	"secret",
}
