package sallyport.settings_test

import data.sallyport.judge

test_baseline_is_the_effect_of_the_metadata if {
	every id, effect in {"t/deny": "deny", "t/hold": "hold", "t/mask": "mask", "t/record": "record"} {
		judge.effect({}, id, {}) == effect
	}
}

test_observe_turns_every_finding_of_baseline_into_a_record if {
	every id in ["t/deny", "t/hold", "t/mask", "t/record"] {
		judge.effect({"profiles": ["observe"]}, id, {}) == "record"
	}
	judge.effect({"profiles": ["observe"]}, "t/strict", {}) == "none"
}

test_the_strongest_profile_wins if {
	judge.effect({"profiles": ["observe", "baseline"]}, "t/hold", {}) == "hold"
	judge.effect({"profiles": ["baseline", "strict"]}, "t/strict", {}) == "hold"
}

test_strict_is_baseline_where_the_metadata_says_nothing_else if {
	judge.effect({"profiles": ["strict"]}, "t/strict", {}) == "hold"
	judge.effect({"profiles": ["strict"]}, "t/deny", {}) == "deny"
}

test_read_only_is_baseline_and_what_names_it if {
	judge.effect({"profiles": ["read-only"]}, "t/read-only", {}) == "deny"
	judge.effect({"profiles": ["read-only"]}, "t/hold", {}) == "hold"
	judge.effect({"profiles": ["baseline"]}, "t/read-only", {}) == "none"
}

test_approve_secrets_holds_what_names_it_beside_any_other_profile if {
	every other in ["observe", "baseline", "strict", "read-only"] {
		changes := {"profiles": [other, "approve-secrets"]}
		judge.effect(changes, "t/mask", {}) == "hold"
		judge.effect(changes, "t/list", {}) == "hold"
	}
	judge.effect({"profiles": ["observe", "approve-secrets"]}, "t/deny", {}) == "record"
}

test_approve_secrets_alone_stands_on_baseline if {
	judge.effect({"profiles": ["approve-secrets"]}, "t/deny", {}) == "deny"
	judge.effect({"profiles": ["approve-secrets"]}, "t/mask", {}) == "hold"
}

test_pod_security_is_only_what_names_it if {
	judge.effect({"profiles": ["pod-security/baseline"]}, "t/strict", {}) == "deny"
	judge.effect({"profiles": ["pod-security/baseline"]}, "t/deny", {}) == "none"
	judge.effect({"profiles": ["pod-security/restricted", "baseline"]}, "t/deny", {}) == "deny"
}

test_params_turn_a_rule_on_that_says_so if {
	judge.effect({}, "t/params", {}) == "none"
	judge.effect({"rules": {"t/params": {"params": {}}}}, "t/params", {}) == "none"
	judge.effect({"rules": {"t/params": {"params": {"names": []}}}}, "t/params", {}) == "hold"
}

test_a_profile_that_names_the_rule_is_no_weaker_for_its_params if {
	set := {"rules": {"t/params": {"params": {"names": ["a"]}}}}
	judge.effect(object.union(set, {"profiles": ["strict"]}), "t/params", {}) == "deny"
	judge.effect(object.union(set, {"profiles": ["read-only"]}), "t/params", {}) == "hold"
	judge.effect(object.union(set, {"profiles": ["observe"]}), "t/params", {}) == "record"
	judge.effect(object.union(set, {"profiles": ["approve-secrets"]}), "t/params", {}) == "hold"
}

test_params_change_no_effect_of_a_rule_that_does_not_say_so if {
	judge.effect({"rules": {"t/deny": {"params": {"names": ["a"]}}}}, "t/deny", {}) == "deny"
	judge.effect({"rules": {"t/strict": {"params": {"names": ["a"]}}}}, "t/strict", {}) == "none"
}

test_a_profile_that_nobody_knows_denies if {
	judge.effect({"profiles": ["lenient"]}, "t/mask", {}) == "deny"
}

test_rules_change_the_effect_and_an_allow_is_still_shown if {
	every effect in ["deny", "hold", "mask", "record", "allow"] {
		judge.effect({"rules": {"t/hold": {"effect": effect}}}, "t/hold", {}) == effect
	}
}

test_an_effect_that_nobody_knows_denies if {
	judge.effect({"rules": {"t/mask": {"effect": "ask"}}}, "t/mask", {}) == "deny"
}

sets(effect) := {"rules": {"t/hold": {"effect": effect}}}

in_part(scope) := object.union({"match": {"namespaces": ["shop"]}}, scope)

everywhere := {"request": {"namespace": ""}}

test_the_last_scope_that_applies_wins_field_by_field if {
	changes := judge.scopes([sets("record"), sets("deny"), {"rules": {"t/hold": {"absolute": true}}}])
	judge.effect(changes, "t/hold", {}) == "deny"
	judge.decision(changes, ["t/hold"], [], {}).findings[0].absolute
	judge.effect(judge.scopes([sets("deny"), sets("record")]), "t/hold", {}) == "record"
}

test_a_scope_that_does_not_apply_changes_nothing if {
	changes := judge.scopes([object.union(sets("allow"), {"match": {"users": ["corp:someone-else"]}})])
	judge.effect(changes, "t/hold", {}) == "hold"
}

test_the_profiles_of_a_scope_replace if {
	changes := object.union({"profiles": ["strict"]}, judge.scopes([{"profiles": ["observe"]}]))
	judge.effect(changes, "t/hold", {}) == "record"
	judge.effect(changes, "t/strict", {}) == "none"
}

test_a_scope_that_applies_in_part_tightens_and_never_loosens if {
	every effect in ["allow", "record", "mask", "hold"] {
		judge.effect(judge.scopes([in_part(sets(effect))]), "t/hold", everywhere) == "hold"
	}
	judge.effect(judge.scopes([in_part(sets("deny"))]), "t/hold", everywhere) == "deny"
}

test_the_profiles_of_a_scope_that_applies_in_part_are_added if {
	judge.effect(judge.scopes([in_part({"profiles": ["observe"]})]), "t/hold", everywhere) == "hold"
	judge.effect(judge.scopes([in_part({"profiles": ["strict"]})]), "t/strict", everywhere) == "hold"
	judge.effect(judge.scopes([in_part({"profiles": ["approve-secrets"]})]), "t/list", everywhere) == "deny"
}

test_a_later_scope_that_applies_in_full_wins_over_one_in_part if {
	judge.effect(judge.scopes([in_part(sets("deny")), sets("record")]), "t/hold", everywhere) == "record"
	judge.effect(judge.scopes([sets("record"), in_part(sets("hold"))]), "t/hold", everywhere) == "hold"
}

absolute(value) := {"rules": {"t/hold": {"absolute": value}}}

test_a_scope_in_part_makes_a_rule_absolute_and_never_the_reverse if {
	judge.decision(judge.scopes([in_part(absolute(true))]), ["t/hold"], [], everywhere).findings[0].absolute
	changes := object.union(absolute(true), judge.scopes([in_part(absolute(false))]))
	judge.decision(changes, ["t/hold"], [], everywhere).findings[0].absolute
}

test_an_effect_that_only_a_scope_in_part_sets_is_shown if {
	changes := judge.scopes([in_part({"rules": {"t/strict": {"effect": "allow"}}})])
	judge.effect(changes, "t/strict", everywhere) == "allow"
}

test_a_request_is_recorded_at_the_default_level if {
	judge.decision({}, [], [], {}).record == "Metadata"
	judge.decision({"defaults": {"record": "None"}}, [], [], {}).record == "None"
}

test_a_finding_means_at_least_metadata if {
	changes := {"defaults": {"record": "None", "approval": {"approvers": ["user:a"]}}}
	judge.decision(changes, ["t/hold"], [], {}).record == "Metadata"
}

test_the_strongest_level_of_rules_and_scopes_is_recorded if {
	judge.decision({}, ["t/record", "t/hold"], [], {}).record == "Request"
	every set, level in {"RequestResponse": "RequestResponse", "None": "Metadata"} {
		judge.decision({"rules": {"t/record": {"record": set}}}, ["t/record"], [], {}).record == level
	}
	judge.decision(judge.scopes([{"record": "RequestResponse"}]), ["t/record"], [], {}).record == "RequestResponse"
	judge.decision(judge.scopes([{"record": "None"}]), ["t/record"], [], {}).record == "Request"
}

test_a_scope_in_part_records_more_and_never_less if {
	judge.decision(judge.scopes([in_part({"record": "None"})]), [], [], everywhere).record == "Metadata"
	judge.decision(judge.scopes([in_part({"record": "Request"})]), [], [], everywhere).record == "Request"
	more := {"rules": {"t/hold": {"record": "RequestResponse"}}}
	judge.decision(judge.scopes([in_part(more)]), ["t/hold"], [], everywhere).record == "RequestResponse"
}

test_a_level_that_nobody_knows_records_all if {
	judge.decision({"defaults": {"record": "Some"}}, [], [], {}).record == "RequestResponse"
}
