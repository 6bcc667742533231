# METADATA
# title: Writes under the profile read-only
# description: |
#   The profile read-only denies every write, and what could be one: exec, port forwarding and proxying.
#   Access reviews store nothing, and stay.
# custom:
#   severity: medium
#   ids: []
#   effect: allow
#   profiles: {read-only: deny}
#   privileged: false
#   match:
#     - operations: [CREATE, UPDATE, DELETE, CONNECT]
#     - nonResourcePaths: ["*"]
#   remediation: Ask for a scope without read-only, or have a person make the change.
package sallyport.rules.access.read_only

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target} under the profile read-only", "fields": []} if {
	not asks_only
}

asks_only if {
	input.request.nonResource
	input.request.verb in {"get", "head"}
}

asks_only if {
	input.request.resource.group in {"authorization.k8s.io", "authentication.k8s.io"}
	input.request.resource.resource in {
		"localsubjectaccessreviews",
		"selfsubjectaccessreviews",
		"selfsubjectreviews",
		"selfsubjectrulesreviews",
		"subjectaccessreviews",
	}
}
