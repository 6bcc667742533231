# METADATA
# title: Copies of running pods
# description: |
#   `kubectl debug --copy-to` makes a pod of the spec of one that runs, with its volumes, its Secrets and its
#   service account, and other commands in it. What a person writes has neither the volume that the API
#   server adds to a pod nor the priority that it computes.
# custom:
#   severity: high
#   ids: [T1609, T1552.007]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Read logs and events, or describe the pod; else wait for the approval of this copy.
package sallyport.rules.access.debug_copy

import data.sallyport.lib.authored
import data.sallyport.lib.requests

findings contains {"message": $"makes {requests.target} of the spec of a running pod", "fields": [field]} if {
	# A server-side apply and a PUT create as well.
	not is_object(object.get(input, "oldObject", null))
	some field in marks
}

marks contains $"spec.volumes[{i}]" if {
	some i, volume in authored.written.spec.volumes

	# The WASM compiles an expression whenever it comes to it, at 8 µs.
	startswith(volume.name, "kube-api-access-")
	regex.match(`^kube-api-access-[a-z0-9]{5}$`, volume.name)
}

marks contains "spec.priority" if {
	is_number(authored.written.spec.priority)
}
