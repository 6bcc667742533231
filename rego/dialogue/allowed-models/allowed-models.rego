# METADATA
# title: A model that is not allowed
# description: |
#   Which models an agent may ask is a matter of contracts, of cost and of where its words may go. A request names its
#   model, and some name others that may answer in its place; each of them is judged. A provider may know one model by
#   many names: say which are allowed, and not which are not.
# custom:
#   severity: medium
#   ids: []
#   effect: allow
#   effectWithParams: deny
#   parameters:
#     models:
#       description: |
#         Names of models as a client sends them, with `*` for any text: `claude-sonnet-*`. `!` before a name takes it
#         out again. `default` is the provider's own choice.
#       type: array
#   privileged: false
#   match:
#     - models: ["*"]
#   remediation: Ask one of the models that the guardrails name.
package sallyport.rules.dialogue.allowed_models

import data.sallyport.lib.globs
import data.sallyport.lib.params

findings contains {"message": message, "fields": ["dialogue.model"]} if {
	not allowed
	shown := substring(input.dialogue.model, 0, 100)
	message := $"`{shown}` is none of the models that are allowed"
}

allowed if {
	patterns := params.get("dialogue/allowed-models", "models", [])
	count(patterns) > 0
	globs.selects(patterns, {input.dialogue.model})
}
