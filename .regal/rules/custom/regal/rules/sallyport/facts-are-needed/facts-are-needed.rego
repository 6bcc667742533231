# METADATA
# description: |
#   Each finding asks for a fact (object, oldObject, podSpecs, roleRules, namespaceLabels) that nobody gathers for this
#   rule, so that it finds nothing: name it in METADATA needs
# schemas:
#   - input: schema.regal.ast
package custom.regal.rules.sallyport["facts-are-needed"]

import data.regal.ast
import data.regal.result

facts := {"namespaceLabels", "object", "oldObject", "podSpecs", "roleRules"}

report contains violation if {
	input["package"].path[1].value == "sallyport"
	input["package"].path[2].value == "rules"
	not endswith(input.regal.file.name, "_test.rego")
	some annotation in input["package"].annotations
	annotation.custom
	asks_for_nothing(annotation.custom)
	found := [rule | some rule in input.rules; rule.head.ref[0].value == "findings"]
	count(found) > 0
	every rule in found { has_fact(rule) }
	violation := result.fail(rego.metadata.chain(), result.location(found[0].head))
}

asks_for_nothing(custom) if {
	count(object.get(custom, "needs", [])) == 0
	every match in object.get(custom, "match", []) { count(object.get(match, "needs", [])) == 0 }
}

# In its body, where an absent fact ends it; a negation or a comprehension goes on without.
has_fact(rule) if {
	some expression in rule.body
	not expression.negated
	walk(expression.terms, [path, term])
	term.type == "ref"
	term.value[0].value == "input"
	term.value[1].value in facts
	not in_comprehension(expression.terms, path)
}

in_comprehension(terms, path) if {
	some i in numbers.range(0, count(path) - 1)
	object.get(terms, array.slice(path, 0, i), {}).type in {"arraycomprehension", "objectcomprehension", "setcomprehension"}
}
