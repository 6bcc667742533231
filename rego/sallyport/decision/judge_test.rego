# METADATA
# title: A decision for tests
# description: |
#   Rules that are not of the library, so that the tests of the decision say all that they rest on. What the
#   generated `sallyport.index` finds is given.
package sallyport.judge

import data.sallyport
import data.sallyport.lib.given

rules := {
	"t/deny": {"title": "Denies", "severity": "critical", "ids": ["T1"], "effect": "deny", "privileged": true},
	"t/hold": {"title": "Holds", "severity": "high", "ids": [], "effect": "hold", "privileged": true},
	"t/held-too": {"title": "Holds too", "severity": "high", "ids": [], "effect": "hold", "privileged": true},
	"t/mask": {
		"title": "Masks",
		"severity": "high",
		"ids": [],
		"effect": "mask",
		"profiles": {"approve-secrets": "hold"},
		"privileged": true,
	},
	"t/list": {
		"title": "Lists",
		"severity": "high",
		"ids": [],
		"effect": "deny",
		"profiles": {"approve-secrets": "hold"},
		"privileged": true,
	},
	"t/record": {
		"title": "Records",
		"severity": "low",
		"ids": [],
		"effect": "record",
		"record": "Request",
		"privileged": false,
	},
	"t/strict": {
		"title": "Strict only",
		"severity": "low",
		"ids": [],
		"effect": "allow",
		"profiles": {"strict": "hold", "pod-security/baseline": "deny"},
		"privileged": false,
	},
	"t/params": {
		"title": "With params",
		"severity": "low",
		"ids": [],
		"effect": "allow",
		"effectWithParams": "hold",
		"profiles": {"strict": "deny"},
		"privileged": false,
	},
	"t/read-only": {
		"title": "Read only",
		"severity": "low",
		"ids": [],
		"effect": "allow",
		"profiles": {"read-only": "deny"},
		"privileged": false,
	},
}

guardrails := {
	"profiles": ["baseline"],
	"defaults": {"approval": {"approvers": ["group:corp:sre"]}},
	"rules": {},
	"scopes": [],
	"masks": [],
}

values := {"selector": {"group": "", "resource": "secrets"}, "fields": ["data.*"], "placeholder": "***"}

# METADATA
# description: The decision where the rules in `ids` find something and those in `masking` mask.
decision(changes, ids, masking, facts) := result if {
	index := {
		"findings": {id: {{"message": concat(" ", [id, "found this"]), "fields": ["spec"]}} | some id in ids},
		"masks": {id: {values} | some id in masking},
	}
	result := sallyport.decision with data.guardrails as object.union(guardrails, changes)
		with data.rules as rules
		with data.sallyport.index as index
		with input as given.request("get", "secrets", facts)
}

# METADATA
# description: The effect of one finding of a rule under these guardrails; "none" where it is not shown.
effect(changes, id, facts) := found if {
	found := [f.effect | some f in decision(changes, [id], [], facts).findings; f.rule == id][0]
} else := "none"

# METADATA
# description: One exception, named x.
lifting(ids, unmask) := {"exceptions": [{"name": "x", "rules": ids, "unmask": unmask}]}

# METADATA
# description: These scopes, in order.
scopes(list) := {"scopes": [object.union({"name": $"s{i}"}, scope) | some i, scope in list]}
