# METADATA
# title: Conversion webhooks of custom resources
# description: |
#   The API server sends every object of the kind, whole, to the conversion webhook of its definition, and stores what
#   comes back: whoever sets it reads and rewrites all of them, past RBAC and admission; whoever takes it away leaves
#   what is stored unreadable. Deleting a definition is for `destruction/custom-resource-definition`.
# custom:
#   severity: critical
#   ids: [CIS-5.1.12, MS-TA9015, T1562.001]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject, outcome]
#   match:
#     - groups: [apiextensions.k8s.io]
#       resources: [customresourcedefinitions]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Ask an administrator of the cluster to install or to remove the definition.
package sallyport.rules.admission.conversion_webhook

import data.sallyport.lib.requests

findings contains {"message": $"sets a conversion webhook: {requests.deed} {requests.target}", "fields": [field]} if {
	conversion("object").strategy == "Webhook"
	conversion("object") != conversion("oldObject")
}

findings contains {
	"message": $"takes away a conversion webhook: {requests.deed} {requests.target}",
	"fields": [field],
} if {
	is_object(input.object)
	conversion("oldObject").strategy == "Webhook"
	object.get(conversion("object"), "strategy", "None") != "Webhook"
}

field := "spec.conversion"

conversion(which) := object.get(input, [which, "spec", "conversion"], {})
