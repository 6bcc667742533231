# METADATA
# description: |
#   A rule has METADATA with title, description, and in custom severity, ids, effect, privileged, remediation, and
#   match or podTemplates
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["rule-metadata"]

import data.regal.result

needed := {"severity", "ids", "effect", "privileged", "remediation"}

report contains violation if {
	is_rule_file
	not complete
	violation := result.fail(rego.metadata.chain(), result.location(input["package"].path[1]))
}

# The file that is named after its folder has the METADATA; others beside it are parts of the rule.
is_rule_file if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	parts := split(replace(input.regal.file.name, `\`, "/"), "/")
	[folder, file] := array.slice(parts, count(parts) - 2, count(parts))
	file == $"{folder}.rego"
}

complete if {
	some annotation in input["package"].annotations
	annotation.scope == "package"
	annotation.title
	annotation.description
	needed - object.keys(annotation.custom) == set()
	says_when(annotation.custom)
}

says_when(custom) if custom.match

says_when(custom) if custom.podTemplates in {true, "reaching-node"}
