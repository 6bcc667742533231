# METADATA
# title: Consuming Secrets
# description: |
#   Whoever may write a pod template reads every Secret of its namespace: a container prints what it is given,
#   and its log shows it, with no right to get Secrets. A Secret that the stored template refers to already is
#   not found again; name those that workloads may be given in the parameter `secrets`.
# custom:
#   severity: high
#   ids: [T1552.007, MS-TA9025, K03]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     secrets:
#       description: Secrets, and SecretProviderClasses, that any template may refer to; globs of `namespace/name`.
#       type: array
#   remediation: Have an administrator install what refers to the Secret, or ask for approval.
package sallyport.rules.secrets.consume

import data.sallyport.lib.authored
import data.sallyport.lib.params
import data.sallyport.lib.pods
import data.sallyport.lib.references

findings contains {"message": $"{uses[reference.use]} {reference.name}", "fields": [field]} if {
	some pod in pods.written
	some reference in references.of(pod.spec)
	not referred_before(pod, reference)
	not given_by_the_server(pod, reference)
	not params.names("secrets/consume", "secrets", $"{input.request.namespace}/{reference.name}")
	field := $"{pod.path}.{reference.field}"
}

uses := {
	"read": "gives a container the Secret",
	"store": "gives a container what a secret store holds for",
	"kubelet": "has the kubelet use the Secret",
}

# The pull secrets of the service account, for a pod that names none (plugin/pkg/admission/serviceaccount).
given_by_the_server(pod, reference) if {
	startswith(reference.field, "imagePullSecrets")
	authored.silent(pod.path, "imagePullSecrets")
}

# Wherever in the template, and whatever of it: its containers could show it before.
referred_before(pod, reference) if {
	some stored in references.of(pods.before(pod.path))
	stored.use == reference.use
	stored.name == reference.name
}
