# METADATA
# title: Projected tokens and certificates
# description: |
#   A projected volume mints a token of the pod's service account, for any audience: a cloud's, a secret
#   store's, the API server's own; or it has the kubelet get a certificate in the pod's name (KEP-4317). The
#   volume that the API server itself adds to a pod is not the author's, and what the stored template projects
#   already is not found again.
# custom:
#   severity: high
#   ids: [CIS-5.1.6, T1528, T1552.007]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Use the token that the pod has anyway, or ask for approval of this audience.
package sallyport.rules.secrets.project_token

import data.sallyport.lib.pods

findings contains {"message": $"projects a service account token for {audience(token)}", "fields": [field]} if {
	some pod in pods.written
	some i, volume in pod.spec.volumes
	some j, source in volume.projected.sources
	token := source.serviceAccountToken
	not added_by_the_server(volume, token)
	not audience(token) in audiences(pods.before(pod.path))
	field := $"{pod.path}.volumes[{i}].projected.sources[{j}].serviceAccountToken"
}

findings contains {"message": $"has the kubelet get a certificate of the pod from {signer}", "fields": [field]} if {
	some pod in pods.written
	some i, volume in pod.spec.volumes
	some j, source in volume.projected.sources
	signer := signer_of(source)
	not signer in signers(pods.before(pod.path))
	field := $"{pod.path}.volumes[{i}].projected.sources[{j}].podCertificate"
}

signers(spec) := {signer_of(source) |
	some volume in spec.volumes
	some source in volume.projected.sources
}

signer_of(source) := object.get(source.podCertificate, "signerName", "a signer")

audiences(spec) := {audience(source.serviceAccountToken) |
	some volume in spec.volumes
	some source in volume.projected.sources
}

default audience(_) := "the API server"

audience(token) := token.audience if token.audience != ""

# The ServiceAccount admission plugin (plugin/pkg/admission/serviceaccount) names it so, for the API server's audience.
added_by_the_server(volume, token) if {
	# The WASM compiles an expression whenever it comes to it, at 8 µs.
	startswith(volume.name, "kube-api-access-")
	regex.match(`^kube-api-access-[a-z0-9]{5}$`, volume.name)
	not token.audience
}
