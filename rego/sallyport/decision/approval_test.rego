package sallyport.approval_test

import data.sallyport.judge

terms(changes, ids, facts) := judge.decision(changes, ids, [], facts).approval

test_terms_are_the_defaults_where_nothing_else_is_said if {
	terms({}, ["t/hold"], {}) == {
		"requirements": [{"rules": ["t/hold"], "approvers": ["group:corp:sre"], "required": 1}],
		"holdSeconds": 90,
		"validForSeconds": 900,
		"maxUses": 1,
		"batch": false,
	}
}

test_rules_with_the_same_approvers_are_one_requirement if {
	by_ciso := {"effect": "hold", "approval": {"approvers": ["user:ciso"], "required": 2}}
	found := terms({"rules": {"t/deny": by_ciso}}, ["t/hold", "t/held-too", "t/deny"], {})
	found.requirements == [
		{"rules": ["t/held-too", "t/hold"], "approvers": ["group:corp:sre"], "required": 1},
		{"rules": ["t/deny"], "approvers": ["user:ciso"], "required": 2},
	]
}

test_the_shortest_times_and_the_fewest_uses_count if {
	found := terms(
		{"rules": {
			"t/hold": {"approval": {"holdSeconds": 30, "maxUses": 5}},
			"t/held-too": {"approval": {"validForSeconds": 60, "maxUses": 3}},
		}},
		["t/hold", "t/held-too"], {},
	)
	[found.holdSeconds, found.validForSeconds, found.maxUses] == [30, 60, 3]
}

test_a_batch_needs_every_rule_to_say_so if {
	batched := {"approval": {"batch": true}}
	terms({"rules": {"t/hold": batched}}, ["t/hold"], {}).batch
	not terms({"rules": {"t/hold": batched}}, ["t/hold", "t/held-too"], {}).batch
	terms({"rules": {"t/hold": batched, "t/held-too": batched}}, ["t/hold", "t/held-too"], {}).batch
}

test_a_scope_in_part_makes_no_batch if {
	changes := judge.scopes([{"match": {"namespaces": ["shop"]}, "approval": {"batch": true}}])
	not terms(changes, ["t/hold"], {"request": {"namespace": ""}}).batch
	terms(changes, ["t/hold"], {"request": {"namespace": "shop"}}).batch
}

test_scopes_change_the_terms_field_by_field if {
	changes := judge.scopes([
		{"approval": {"approvers": ["user:alice"], "holdSeconds": 10}},
		{"approval": {"approvers": ["user:bob"]}},
	])
	found := terms(changes, ["t/hold"], {})
	found.requirements[0].approvers == ["user:bob"]
	found.holdSeconds == 10
}

test_the_terms_of_a_rule_win_over_general_ones if {
	changes := object.union(
		{"rules": {"t/hold": {"approval": {"approvers": ["user:ciso"]}}}},
		judge.scopes([{"approval": {"approvers": ["user:alice"]}}]),
	)
	terms(changes, ["t/hold"], {}).requirements[0].approvers == ["user:ciso"]
	in_scope := judge.scopes([{
		"approval": {"approvers": ["user:alice"]},
		"rules": {"t/hold": {"approval": {"approvers": ["user:bob"]}}},
	}])
	terms(in_scope, ["t/hold"], {}).requirements[0].approvers == ["user:bob"]
}

test_a_scope_in_part_adds_a_requirement_and_takes_none_away if {
	in_part := {"match": {"namespaces": ["shop"]}}
	changes := judge.scopes([
		object.union(in_part, {"approval": {"approvers": ["user:alice"], "holdSeconds": 500}}),
		object.union(in_part, {"rules": {"t/hold": {"approval": {"approvers": ["user:bob"], "maxUses": 1}}}}),
	])
	found := terms(changes, ["t/hold"], {"request": {"namespace": ""}})
	{r.approvers[0] | some r in found.requirements} == {"group:corp:sre", "user:alice", "user:bob"}
	found.holdSeconds == 90
}

test_a_hold_by_approve_secrets_asks_as_any_other_does if {
	terms({"profiles": ["baseline", "approve-secrets"]}, ["t/mask"], {}).requirements[0].rules == ["t/mask"]
}
