# METADATA
# title: What the guardrails say to a rule
package sallyport.lib.params

# METADATA
# description: A parameter of the rule with this id (contracts §1.2), or what stands for it where none is set.
get(id, name, otherwise) := object.get(data.guardrails, ["rules", id, "params", name], otherwise)
