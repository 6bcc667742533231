# METADATA
# title: Deleting what is stored
# description: |
#   With a claim goes its volume, with the volume its data, with the snapshot the way back.
# custom:
#   severity: critical
#   ids: [MS-TA9038, T1485, T1490]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [persistentvolumeclaims, persistentvolumes]
#       operations: [DELETE]
#     - groups: [snapshot.storage.k8s.io, groupsnapshot.storage.k8s.io]
#       operations: [DELETE]
#   remediation: Keep it, or ask for approval of this deletion.
package sallyport.rules.storage.delete

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}, with what is stored there", "fields": []}
