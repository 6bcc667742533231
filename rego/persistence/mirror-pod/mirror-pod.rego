# METADATA
# title: Mirror and static pods
# description: |
#   A mirror pod is how a kubelet shows a static pod, which it runs whatever the API server says. An
#   annotation makes an ordinary pod look like one: a drain passes it by, and admission plugins let it
#   through.
# custom:
#   severity: high
#   ids: [MS-TA9014, MS-TA9017, T1053.007]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave the annotations of the kubelet out.
package sallyport.rules.persistence.mirror_pod

import data.sallyport.lib.pods

findings contains {"message": $"marks the pod as the kubelet's own with the annotation {key}", "fields": [field]} if {
	some pod in pods.written
	some key in ["kubernetes.io/config.mirror", "kubernetes.io/config.source"]
	value := pods.annotations(pod)[key]
	value != object.get(pods.annotations_before(pod), key, null)
	field := $"{trim_suffix(pod.path, "spec")}metadata.annotations['{key}']"
}
