# METADATA
# title: Tools that a human lets a model call
# description: A model whose name is `holds …` asks a human about each call of a tool that stands behind it.
# custom:
#   severity: medium
#   ids: []
#   effect: hold
#   privileged: false
#   match:
#     - tools: ["*"]
#   remediation: Ask another model.
package sallyport.rules.ours.held

findings contains {"message": "a tool that the tests hold", "fields": ["name"]} if {
	startswith(input.dialogue.model, "holds ")
	some name in split(input.dialogue.model, " ")
	name == input.tool.name
}
