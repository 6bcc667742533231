# METADATA
# description: |
#   A rule finds, and only the decision reads effects, scopes and exceptions; a rule's own parameters are read by
#   data.sallyport.lib.params
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["rules-only-find"]

import data.regal.ast
import data.regal.result

forbidden := [
	["input", "exceptions"],
	["data", "guardrails"],
	["data", "rules"],
	["data", "sallyport", "approval"],
	["data", "sallyport", "decision"],
	["data", "sallyport", "index"],
	["data", "sallyport", "scopes"],
	["data", "sallyport", "settings"],
]

report contains violation if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	not endswith(input.regal.file.name, "_test.rego")
	some ref in refs
	path := [part.value | some part in ref.value]
	some prefix in forbidden
	array.slice(path, 0, count(prefix)) == prefix
	violation := result.fail(rego.metadata.chain(), result.location(ref))
}

refs contains ref if some ref in ast.found.refs[_]

refs contains imported.path if some imported in input.imports
