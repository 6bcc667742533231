# METADATA
# title: Deletes and creates that no prompt led to
# description: Where the guarded namespace's config maps come and go, one tool call alone must say so, of a model that may.
# custom:
#   severity: high
#   ids: []
#   effect: deny
#   privileged: false
#   match:
#     - groups: [""]
#       resources: [configmaps]
#       subresources: [""]
#       verbs: [create, delete]
#   remediation: Say to the agent what is to be made or deleted.
package sallyport.rules.ours.prompted

findings contains {"message": "no prompt led to it", "fields": ["metadata.name"]} if {
	input.request.namespace == "guarded"
	not from_prompt
}

from_prompt if {
	input.dialogue.strength == "exact"
	input.dialogue.model == "claude-x"
	input.dialogue.promptId != ""
	input.dialogue.toolUseId != ""
}
