# METADATA
# title: Proxying to nodes
# description: |
#   The kubelet's API runs commands in every pod of its node, and a mere GET is enough: nodes/proxy is root
#   on the node, past admission and past the audit log.
# custom:
#   severity: critical
#   ids: [CIS-5.1.10, T1609, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [nodes]
#       subresources: [proxy]
#   remediation: Use `kubectl logs`, `kubectl top` or the metrics API, which need no way to the kubelet.
package sallyport.rules.nodes.proxy

import data.sallyport.lib.requests

findings contains {"message": $"speaks to the kubelet through {requests.parent}", "fields": []}
