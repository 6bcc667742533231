# METADATA
# title: Tools that a model may not call
# description: A model whose name is `denies …` may call no tool that stands behind it; `denies *` none at all.
# custom:
#   severity: high
#   ids: []
#   effect: deny
#   privileged: false
#   match:
#     - tools: ["*"]
#   remediation: Ask another model.
package sallyport.rules.ours.tools

findings contains {"message": "a tool of the tests", "fields": ["name"]} if {
	startswith(input.dialogue.model, "denies ")
	some name in split(input.dialogue.model, " ")
	name in {input.tool.name, "*"}
}
