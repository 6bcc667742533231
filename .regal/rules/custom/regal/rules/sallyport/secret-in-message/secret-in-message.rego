# METADATA
# description: |
#   A message goes to the caller, into logs and into the record: it must not quote what a Secret or a ConfigMap holds
#   (name the key instead)
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["secret-in-message"]

import data.regal.ast
import data.regal.result

holding := {"data", "stringData", "binaryData"}

# A value itself: `input.object.data[key]` in the text.
report contains violation if {
	is_guardrail
	some text in texts
	walk(text, [_, ref])
	ref.type == "ref"
	is_value(ref)
	violation := result.fail(rego.metadata.chain(), result.location(ref))
}

# The value of `some key, value in input.object.data`.
report contains violation if {
	is_guardrail
	some rule_index, symbols in ast.found.symbols
	some symbol in symbols
	[member, _, value, collection] := symbol[0].value
	ast.ref_to_string(member.value) == "internal.member_3"
	holds(collection)
	some text in texts_of(rule_index)
	walk(text, [_, term])
	term.type == "var"
	term.value == value.value
	violation := result.fail(rego.metadata.chain(), result.location(term))
}

is_guardrail if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	not endswith(input.regal.file.name, "_test.rego")
}

is_value(ref) if {
	[root, which, part] := [term.value | some term in array.slice(ref.value, 0, 3)]
	root == "input"
	which in {"object", "oldObject"}
	part in holding
	count(ref.value) > 3
}

holds(collection) if {
	[root, which, part] := [term.value | some term in collection.value]
	root == "input"
	which in {"object", "oldObject"}
	part in holding
}

texts contains text if {
	some rule_index, _ in ast.found.refs
	some text in texts_of(rule_index)
}

# What becomes text: template strings, and what concat and sprintf are given.
texts_of(rule_index) := templates | joined if {
	rule := input.rules[to_number(rule_index)]
	templates := {node | walk(rule, [_, node]); node.type == "templatestring"}
	joined := {argument |
		some call in ast.found.calls[rule_index]
		ast.ref_to_string(call[0].value) in {"concat", "sprintf"}
		some argument in array.slice(call, 1, count(call))
	}
}
