# METADATA
# title: Another cluster or other credentials
# description: |
#   The gateway gives an agent a kubeconfig whose clusters are its connections. A command that names another server,
#   another kubeconfig or a token of its own asks a cluster that the gateway may not stand before.
# custom:
#   severity: high
#   ids: [T1133, T1552.007]
#   effect: deny
#   parameters:
#     kubeconfigs:
#       description: Globs of kubeconfig files that lead to the gateway; a star crosses slashes.
#       type: array
#     servers:
#       description: Globs of URLs that are the gateway's; a star crosses slashes.
#       type: array
#   privileged: true
#   match:
#     - tools: ["*"]
#   remediation: Leave the switch out and use the kubeconfig that `sallyport kubeconfig` wrote, with its contexts.
package sallyport.rules.tool.other_cluster

import data.sallyport.lib.params
import data.sallyport.lib.tools

findings contains {"message": $"`{tools.shown(command)}` asks with {override.name}", "fields": [field]} if {
	some i, command in input.tool.commands
	some override in command.overrides
	not permitted(override)
	field := $"commands[{i}]"
}

permitted(override) if {
	override.name in {"--kubeconfig", "KUBECONFIG"}
	listed("kubeconfigs", override.value)
}

permitted(override) if {
	override.name in {"--server", "--kube-apiserver", "KUBERNETES_MASTER", "HELM_KUBEAPISERVER"}
	listed("servers", override.value)
}

listed(parameter, value) if {
	some pattern in params.get("tool/other-cluster", parameter, [])
	glob.match(pattern, null, value)
}
