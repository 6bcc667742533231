# METADATA
# description: |
#   An exec is a get over WebSocket and a create over SPDY: name the operation CONNECT in match and in conditions,
#   never the verb
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["operation-not-verb"]

import data.regal.ast
import data.regal.result

connecting := {"attach", "exec", "portforward", "proxy"}

# A match that names a verb for what connects.
report contains violation if {
	is_guardrail
	some annotation in input["package"].annotations
	some match in annotation.custom.match
	some subresource in match.subresources
	subresource in connecting
	match.verbs
	violation := result.fail(rego.metadata.chain(), result.location(input["package"].path[1]))
}

# A condition on the verb in a rule of nothing but what connects.
report contains violation if {
	is_guardrail
	every match in matches { match_connects(match) }
	count(matches) > 0
	some ref in ast.found.refs[_]
	ast.ref_to_string(ref.value) == "input.request.verb"
	violation := result.fail(rego.metadata.chain(), result.location(ref))
}

is_guardrail if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	not endswith(input.regal.file.name, "_test.rego")
}

matches := [match |
	some annotation in input["package"].annotations
	some match in annotation.custom.match
]

match_connects(match) if {
	count(match.subresources) > 0
	every subresource in match.subresources { subresource in connecting }
}

match_connects(match) if match.operations == ["CONNECT"]
