# METADATA
# title: Debug containers
# description: |
#   An ephemeral container joins a running pod: it reads the memory and the files of the containers beside
#   it, acts with the pod's service account, and is never taken out again. `kubectl debug` adds one by a
#   patch of pods/ephemeralcontainers, which rules on pods alone do not see.
# custom:
#   severity: high
#   ids: [pods_ephemeral_ctrs, T1609]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [ephemeralcontainers]
#       operations: [CREATE, UPDATE]
#   remediation: Read logs and events, or describe the pod; else wait for the approval of this container.
package sallyport.rules.access.debug

import data.sallyport.lib.pods
import data.sallyport.lib.requests

findings contains {"message": concat("", ["adds ", added, " to the running ", requests.parent]), "fields": fields}

new := [entry |
	some entry in pods.containers
	entry.kind == "ephemeralContainers"
	entry.before == {}
]

fields := [entry.path | some entry in new]

default added := "a container"

# Where the patch is not read yet, or its outcome holds none that is new.
added := concat(", ", [$"the container {name} ({image})" |
	some entry in new
	name := object.get(entry.container, "name", "")
	image := object.get(entry.container, "image", "")
]) if {
	count(new) > 0
}
