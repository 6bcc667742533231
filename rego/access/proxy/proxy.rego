# METADATA
# title: Proxying to pods and services
# description: |
#   The API server sends the request on to the pod or service with its own network position, whatever the
#   method: a GET can do there what it likes.
# custom:
#   severity: medium
#   ids: [T1090]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods, services]
#       subresources: [proxy]
#   remediation: Reach the service through its own entrance, or wait for the approval.
package sallyport.rules.access.proxy

import data.sallyport.lib.requests

findings contains {"message": $"sends a request through the API server to {requests.parent}", "fields": []}
