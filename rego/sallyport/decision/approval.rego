# METADATA
# title: Who may approve a hold, and how long it lasts
# description: |
#   A rule's own terms (`rules`, then the scopes' `rules`) win over general ones (`defaults`, then the
#   scopes), field by field. A scope that applies in part adds a requirement beside them and shortens terms.
package sallyport.approval

import data.sallyport.scopes

builtin_terms := {
	"approvers": [],
	"required": 1,
	"holdSeconds": 90,
	"validForSeconds": 900,
	"maxUses": 1,
	"batch": false,
}

# METADATA
# description: The terms of the holds of these rules, each requirement to be met.
terms(ids) := {
	"requirements": sort({requirement(ids, asked.approvers, asked.required) | some asked in asked_of(ids)}),
	"holdSeconds": min({t.holdSeconds | some t in asked_of(ids)}),
	"validForSeconds": min({t.validForSeconds | some t in asked_of(ids)}),
	"maxUses": min({t.maxUses | some t in asked_of(ids)}),
	# Decided with others only where each of its rules may be.
	"batch": {t.batch | some t in asked_of(ids)} == {true},
}

# Rules that ask for the same people are one requirement.
requirement(ids, approvers, required) := {"rules": sort(asking), "approvers": approvers, "required": required} if {
	asking := {id |
		some id in ids
		some t in all_terms(id)
		t.approvers == approvers
		t.required == required
	}
}

asked_of(ids) := {t |
	some id in ids
	some t in all_terms(id)
}

# METADATA
# description: Some requirement of this rule names nobody.
nobody(id) if {
	some t in all_terms(id)
	count(t.approvers) == 0
}

# The full terms, and for each scope that applies in part the terms that it would set.
all_terms(id) := ({full} | general) | specific if {
	full := full_terms(id)
	general := {object.union(full, m.scope.approval) |
		some m in scopes.matched
		m.tighten
	}
	specific := {object.union(full, m.scope.rules[id].approval) |
		some m in scopes.matched
		m.tighten
	}
}

full_terms(id) := object.union_n(array.concat(general, specific)) if {
	general := array.concat(
		[builtin_terms, object.get(data.guardrails, ["defaults", "approval"], {})],
		[m.scope.approval | some m in scopes.matched; not m.tighten],
	)
	specific := array.concat(
		[object.get(data.guardrails, ["rules", id, "approval"], {})],
		[m.scope.rules[id].approval | some m in scopes.matched; not m.tighten],
	)
}
