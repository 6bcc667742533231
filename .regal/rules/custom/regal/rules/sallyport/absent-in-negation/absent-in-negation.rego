# METADATA
# description: |
#   not f(input.object.x) is undefined where x is absent, since the argument is looked up first: the rule then finds
#   nothing. Give f what stands for it: object.get(input, ["object", "x"], null)
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["absent-in-negation"]

import data.regal.ast
import data.regal.result

optional := {"object", "oldObject", "podSpecs", "roleRules", "namespaceLabels", "exec", "target", "dialogue", "tool"}

report contains violation if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value in {"rules", "lib"}
	not endswith(input.regal.file.name, "_test.rego")
	some expression in ast.found.expressions[_]
	expression.negated
	some argument in array.slice(expression.terms, 1, count(expression.terms))
	argument.type == "ref"
	argument.value[0].value == "input"
	argument.value[1].value in optional
	violation := result.fail(rego.metadata.chain(), result.location(argument))
}
