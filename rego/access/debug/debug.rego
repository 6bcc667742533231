# METADATA
# title: Debug containers
# description: |
#   An ephemeral container joins a running pod: it reads the memory and the files of the containers beside it,
#   acts with the pod's service account, and is never taken out again. `kubectl debug` adds one by a patch of
#   pods/ephemeralcontainers, which rules on pods alone do not see.
# custom:
#   severity: high
#   ids: [pods_ephemeral_ctrs, T1609]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [ephemeralcontainers]
#       verbs: [create, update, patch]
#   remediation: Read logs and events, or describe the pod; else wait for the approval of this container.
package sallyport.rules.access.debug

import data.sallyport.lib.requests

findings contains {"message": $"adds a container to the running {requests.parent}", "fields": []}
