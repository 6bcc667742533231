# METADATA
# title: Evicting pods
# description: |
#   Eviction, as `kubectl drain` asks for it pod by pod, takes work off a node, and with a node of the
#   attacker beside it brings the pods there.
# custom:
#   severity: medium
#   ids: [steal_pods, MS-TA9038]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [eviction]
#       operations: [CREATE]
#   remediation: Delete one pod by its name where its controller makes another, or have an administrator drain the node.
package sallyport.rules.nodes.eviction

import data.sallyport.lib.requests

findings contains {"message": $"evicts {requests.parent}", "fields": []}
