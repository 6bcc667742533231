# METADATA
# title: Service accounts of pods
# description: |
#   A pod acts with all that its service account may do. Whoever names another account than the namespace's
#   own has its rights for the asking.
# custom:
#   severity: high
#   ids: [CIS-5.1.5, T1078.001, T1098.006, K02]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     names:
#       description: Service accounts that templates may name; globs of `namespace/name`.
#       type: array
#   remediation: Leave `serviceAccountName` out, or ask for approval of this account.
package sallyport.rules.scheduling.service_account

import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": $"acts as the service account {name}", "fields": [$"{pod.path}.{key}"]} if {
	some pod in pods.written
	key := told(pod.spec)
	name := pod.spec[key]

	# `default` is what the server writes where the author writes nothing.
	not name in {"", "default"}
	not names(pods.before(pod.path), name)
	not params.names("scheduling/service-account", "names", $"{input.request.namespace}/{name}")
}

# The deprecated field counts where the other is empty (pkg/apis/core/v1/conversion.go).
told(spec) := "serviceAccountName" if {
	not object.get(spec, "serviceAccountName", null) in {"", null}
} else := "serviceAccount" if spec.serviceAccount

names(spec, name) if spec[told(spec)] == name
