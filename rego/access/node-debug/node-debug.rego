# METADATA
# title: Debug pods on nodes
# description: |
#   `kubectl debug node/…` puts a pod on the node that it names, whatever taints that has, and opens a
#   terminal in it: with most of its profiles in the namespaces of the host and with its files. The pod is
#   known by its label and name, or by what makes it one.
# custom:
#   severity: high
#   ids: [TA9018, T1611, T1610]
#   effect: hold
#   privileged: true
#   needs: [object]
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Read the events and the conditions of the node, or ask for approval.
package sallyport.rules.access.node_debug

findings contains {"message": $"debugs the node {node}", "fields": ["spec.nodeName"]} if {
	not is_object(object.get(input, "oldObject", null))
	node := input.object.spec.nodeName
	node != ""
	is_debugger
}

is_debugger if input.object.metadata.labels["app.kubernetes.io/managed-by"] == "kubectl-debug"

is_debugger if startswith(input.object.metadata.name, "node-debugger-")

is_debugger if {
	some toleration in input.object.spec.tolerations
	toleration.operator == "Exists"
	object.get(toleration, "key", "") == ""
}
