# METADATA
# title: What the author set
# description: |
#   The outcome of something new holds what the API server adds to it: a token volume, a priority, the pull
#   secrets of the service account. `input.sent` is the body without them (proxy/steps/gather.ts).
package sallyport.lib.authored

# METADATA
# description: The object as its author sent it.
written := input.sent if {
	is_object(object.get(input, "sent", null))
} else := object.get(input, "object", {})

# METADATA
# description: |
#   A field of the pod template at this path that the author said nothing of: what stands there is the server's.
silent(path, field) if {
	is_object(object.get(input, "sent", null))
	object.get(input.sent, array.concat(split(path, "."), [field]), null) in {null, "", []}
}
