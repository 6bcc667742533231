# METADATA
# title: Vocabulary of rules on roles and bindings
package sallyport.lib.roles

# METADATA
# description: |
#   Each rule that a role grants, a binding hands on or an aggregation collects, with the field of the object that
#   says so: `rules[0]`, `roleRef`, or `aggregationRule` for what other ClusterRoles bring.
grants := [{"field": field(i), "rule": rule} | some i, rule in input.roleRules]

# METADATA
# description: The field of one part of a grant (`rules[0].verbs`); of a rule that stands elsewhere, what points there.
part(grant, key) := $"{grant.field}.{key}" if {
	startswith(grant.field, "rules[")
} else := grant.field

# METADATA
# description: What a grant is on, for a person.
things(grant) := concat(", ", array.concat(
	object.get(grant.rule, "resources", []),
	object.get(grant.rule, "nonResourceURLs", []),
))

# METADATA
# description: What a grant lets one do, for a person.
verbs(grant) := concat(", ", grant.rule.verbs)

field(i) := "roleRef" if {
	endswith(input.request.resource.resource, "bindings")
} else := $"rules[{i}]" if {
	i < count(input.object.rules)
} else := "aggregationRule"
