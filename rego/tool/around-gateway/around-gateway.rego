# METADATA
# title: Going round the gateway
# description: |
#   A client that is given an API server's address or a bearer token, `kubectl proxy`, and reading the credentials that
#   are mounted in a pod: each of them reaches a cluster where nothing is judged, masked or recorded.
# custom:
#   severity: high
#   ids: [T1528, T1552.007, T1090]
#   effect: deny
#   privileged: true
#   match:
#     - tools: ["*"]
#   remediation: Use kubectl or helm with the kubeconfig that `sallyport kubeconfig` wrote.
package sallyport.rules.tool.around_gateway

import data.sallyport.lib.tools

findings contains {"message": message, "fields": [$"commands[{i}]"]} if {
	some i, command in input.tool.commands
	reason := command.around
	message := $"`{tools.shown(command)}` goes round the gateway: {reason}"
}
