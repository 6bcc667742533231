# METADATA
# description: |
#   A finding is {"message": text, "fields": [paths]}: without a message nobody hears what was found, without fields
#   nobody sees where (an empty list where it is no field)
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["complete-finding"]

import data.regal.result

report contains violation if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	some rule in input.rules
	rule.head.ref[0].value == "findings"
	rule.head.key.type == "object"
	keys := {pair[0].value | some pair in rule.head.key.value}
	keys != {"message", "fields"}
	violation := result.fail(rego.metadata.chain(), result.location(rule.head.key))
}
