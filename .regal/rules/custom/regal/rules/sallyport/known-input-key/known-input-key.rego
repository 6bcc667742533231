# METADATA
# description: |
#   object.get(input, …) names a part of the input that there is none of: the type checker sees input.reqest, and not a
#   key in quotes (engine/schemas/input.json)
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["known-input-key"]

import data.regal.ast
import data.regal.result

known := {
	"connection", "dialogue", "exceptions", "exec", "namespaceLabels", "now", "object", "oldObject", "podSpecs",
	"request", "roleRules", "sent", "session", "target", "tool", "user",
}

report contains violation if {
	input["package"].path[1].value == "sallyport"
	not endswith(input.regal.file.name, "_test.rego")
	some call in ast.found.calls[_]
	ast.ref_to_string(call[0].value) == "object.get"
	is_input(call[1])
	key := first_key(call[2])
	key.type == "string"
	not key.value in known
	violation := result.fail(rego.metadata.chain(), result.location(key))
}

is_input(term) if {
	term.type == "var"
	term.value == "input"
}

is_input(term) if {
	term.type == "ref"
	[part.value | some part in term.value] == ["input"]
}

first_key(term) := term if term.type == "string"

first_key(term) := term.value[0] if term.type == "array"
