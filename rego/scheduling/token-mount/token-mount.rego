# METADATA
# title: Mounted service account tokens
# description: |
#   A pod that says it wants the token of its service account gets it even where the account says that its
#   pods need none.
# custom:
#   severity: medium
#   ids: [CIS-5.1.6, T1528]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     serviceAccounts:
#       description: Service accounts whose token templates may mount; globs of `namespace/name`.
#       type: array
#   remediation: Leave `automountServiceAccountToken` out, or set it to false.
package sallyport.rules.scheduling.token_mount

import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [$"{pod.path}.automountServiceAccountToken"]} if {
	some pod in pods.written
	pod.spec.automountServiceAccountToken == true
	not pods.before(pod.path).automountServiceAccountToken
	name := object.get(pod.spec, "serviceAccountName", "default")
	not params.names("scheduling/token-mount", "serviceAccounts", $"{input.request.namespace}/{name}")
	message := $"asks for the token of the service account {name}, whatever that says itself"
}
