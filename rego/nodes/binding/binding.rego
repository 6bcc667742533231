# METADATA
# title: Binding pods to nodes
# description: |
#   A binding puts a pod on a node past the scheduler, and past all that it heeds. It is asked for at the pod
#   or at the collection `bindings`.
# custom:
#   severity: high
#   ids: [steal_pods, T1610]
#   effect: hold
#   privileged: true
#   needs: [object]
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [binding]
#       operations: [CREATE]
#     - groups: [""]
#       resources: [bindings]
#       operations: [CREATE]
#   remediation: Leave it to the scheduler.
package sallyport.rules.nodes.binding

import data.sallyport.lib.requests

findings contains {"message": $"binds {requests.parent} to {node}", "fields": []}

default node := "a node"

node := concat(" ", ["the node", input.object.target.name])
