# METADATA
# title: What the guardrails say to a rule
package sallyport.lib.params

# METADATA
# description: A parameter of the rule with this id (contracts §1.2), or what stands for it where none is set.
get(id, name, otherwise) := value if {
	value := data.guardrails.rules[id].params[name]
} else := otherwise

# METADATA
# description: |
#   One of the globs that this parameter lists is of this name. A star stops at a slash, so that `shop/*` is of
#   one namespace.
names(id, parameter, name) if {
	some pattern in get(id, parameter, [])
	glob.match(pattern, ["/"], name)
}
