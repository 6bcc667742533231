# METADATA
# title: Any dialogue
# description: |
#   Every request that a model is to answer, and every count of the tokens of one. Off until a scope of guardrails.yaml
#   gives it an effect for some people or connections: `deny`, where no agent may ask a model there.
# custom:
#   severity: low
#   ids: []
#   effect: allow
#   privileged: false
#   match:
#     - models: ["*"]
#   remediation: Ask over a connection that the guardrails leave open to you.
package sallyport.rules.dialogue.asked

findings contains {"message": $"a dialogue over the connection {name}", "fields": ["dialogue.model"]} if {
	name := input.connection.name
}
