# METADATA
# title: The gateway's own namespace
# description: |
#   Whoever writes where the gateway runs, or has a command run there, holds its credentials and its guardrails. Which
#   namespaces these are is for the guardrails to say; `*` at the end of a name stands for any text.
# custom:
#   severity: critical
#   ids: [T1562, T1552.007]
#   effect: deny
#   privileged: true
#   parameters:
#     namespaces:
#       description: Names of the gateway's own namespaces; sallyport and sallyport-* where absent.
#       type: array
#   match:
#     - operations: [CREATE, UPDATE, DELETE, CONNECT]
#   remediation: Ask the operator of the gateway to make the change.
package sallyport.rules.tenancy.gateway_namespace

import data.sallyport.lib.params
import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target} in the gateway's own namespace", "fields": []} if {
	some name in params.get("tenancy/gateway-namespace", "namespaces", ["sallyport", "sallyport-*"])
	stands_for(name)
}

stands_for(name) if name == input.request.namespace

stands_for(name) if {
	endswith(name, "*")
	startswith(input.request.namespace, trim_suffix(name, "*"))
}
