package sallyport_test

import data.sallyport
import data.sallyport.judge

test_a_request_that_no_rule_finds_is_allowed if {
	judge.decision({}, [], [], {}) == {
		"effect": "allow",
		"findings": [],
		"approval": null,
		"mask": [],
		"record": "Metadata",
	}
}

test_a_finding_carries_the_metadata_of_its_rule if {
	judge.decision({}, ["t/deny"], [], {}).findings == [{
		"rule": "t/deny",
		"effect": "deny",
		"message": "t/deny found this",
		"severity": "critical",
		"ids": ["T1"],
		"fields": ["spec"],
		"privileged": true,
		"absolute": false,
	}]
}

test_the_strongest_effect_decides_and_findings_come_strongest_first if {
	deny := judge.decision({}, ["t/record", "t/mask", "t/hold", "t/deny"], [], {})
	deny.effect == "deny"
	[f.rule | some f in deny.findings] == ["t/deny", "t/hold", "t/mask", "t/record"]
	judge.decision({}, ["t/record", "t/mask", "t/hold"], [], {}).effect == "hold"
	judge.decision({}, ["t/record", "t/mask"], [], {}).effect == "allow"
}

test_only_a_hold_asks_for_approval if {
	judge.decision({}, ["t/hold"], [], {}).approval.requirements[0].rules == ["t/hold"]
	judge.decision({}, ["t/hold", "t/deny"], [], {}).approval == null
	judge.decision({}, ["t/mask"], [], {}).approval == null
}

test_a_finding_that_says_nothing_is_still_a_finding if {
	found := sallyport.findings with data.guardrails as judge.guardrails
		with data.rules as judge.rules
		with data.sallyport.index as {"findings": {"t/deny": [{}]}, "masks": {}}
		with input as {}
	[[f.message, f.fields] | some f in found] == [["Denies", []]]
}

test_a_finding_of_odd_shape_is_still_a_finding if {
	every odd in {"text", 1, null, ["list"]} {
		found := sallyport.findings with data.guardrails as judge.guardrails
			with data.rules as judge.rules
			with data.sallyport.index as {"findings": {"t/deny": {odd}}, "masks": {}}
			with input as {}
		[[f.effect, f.message, f.fields] | some f in found] == [["deny", "Denies", []]]
	}
}

test_a_rule_without_metadata_denies if {
	result := judge.decision({}, ["t/unknown"], [], {})
	result.effect == "deny"
	result.findings[0].severity == "high"
}

test_the_decision_is_undefined_without_what_it_rests_on if {
	every missing in ["guardrails", "rules", "findings", "masks"] {
		not decided_without(missing)
	}
	decided_without("nothing")
}

decided_without(missing) if {
	parts := {
		"guardrails": judge.guardrails,
		"rules": judge.rules,
		"findings": {},
		"masks": {},
	}
	there := object.remove(parts, [missing])
	sallyport.decision with data.guardrails as object.get(there, "guardrails", {})
		with data.rules as object.get(there, "rules", null)
		with data.sallyport.index as object.filter(there, ["findings", "masks"])
		with input as {}
}

test_an_exception_lifts_a_hold_and_a_deny_and_names_itself if {
	every id in ["t/hold", "t/deny"] {
		result := judge.decision({}, [id], [], judge.lifting([id], false))
		result.effect == "allow"
		result.approval == null
		[[f.effect, f.exception] | some f in result.findings] == [["allow", "x"]]
	}
}

test_an_exception_lifts_no_other_rule if {
	result := judge.decision({}, ["t/hold", "t/deny"], [], judge.lifting(["t/deny"], false))
	result.effect == "hold"
	{f.rule: f.effect | some f in result.findings} == {"t/hold": "hold", "t/deny": "allow"}
	result.approval.requirements[0].rules == ["t/hold"]
}

test_of_two_exceptions_the_first_by_name_is_named if {
	found := judge.decision({}, ["t/hold"], [], {"exceptions": [
		{"name": "y", "rules": ["t/hold"], "unmask": false},
		{"name": "x", "rules": ["t/hold"], "unmask": false},
	]}).findings
	found[0].exception == "x"
}

test_no_exception_lifts_an_absolute_rule if {
	lifted := judge.lifting(["t/hold", "t/mask"], true)
	absolute := {"rules": {"t/hold": {"absolute": true}, "t/mask": {"absolute": true}}}
	result := judge.decision(absolute, ["t/hold"], ["t/mask"], lifted)
	result.effect == "hold"
	result.findings[0].absolute
	count(result.mask) == 1
}

test_what_only_records_goes_on_recording_under_an_exception if {
	judge.effect({}, "t/record", judge.lifting(["t/record"], false)) == "record"
}

test_masks_come_from_rules_and_from_the_guardrails if {
	changes := {"masks": [
		{"group": "", "resource": "secrets", "fields": ["metadata.labels.key"], "patterns": ["jwt"]},
		{"group": "*", "resource": "*", "fields": [], "patterns": []},
		{"group": "", "resource": "configmaps", "fields": ["data.*"], "patterns": []},
	]}
	judge.decision(changes, [], ["t/mask"], {}).mask == [
		{"selector": {"group": "*", "resource": "*"}, "fields": [], "placeholder": "**sallyport-masked**"},
		{"selector": {"group": "", "resource": "secrets"}, "fields": ["data.*"], "placeholder": "***"},
		{
			"selector": {"group": "", "resource": "secrets"},
			"fields": ["metadata.labels.key"],
			"patterns": ["jwt"],
			"placeholder": "**sallyport-masked**",
		},
	]
}

test_the_mask_of_a_lifted_rule_stays_unless_its_exception_unmasks if {
	every unmask, masks in {false: 1, true: 0} {
		result := judge.decision({}, ["t/list"], ["t/list"], judge.lifting(["t/list"], unmask))
		result.effect == "allow"
		count(result.mask) == masks
	}
}

test_an_exception_on_a_mask_lifts_it_only_where_it_unmasks if {
	every unmask, effect in {false: "mask", true: "allow"} {
		judge.effect({}, "t/mask", judge.lifting(["t/mask"], unmask)) == effect
	}
}

test_loosening_what_a_rule_stops_leaves_its_mask if {
	every effect in ["mask", "allow", "record"] {
		count(judge.decision({"rules": {"t/list": {"effect": effect}}}, [], ["t/list"], {}).mask) == 1
	}
}

test_loosening_a_rule_that_only_masks_takes_its_mask_away if {
	every effect in ["allow", "record"] {
		judge.decision({"rules": {"t/mask": {"effect": effect}}}, [], ["t/mask"], {}).mask == []
	}
}

test_observing_masks_nothing if {
	judge.decision({"profiles": ["observe"]}, [], ["t/mask", "t/list"], {}).mask == []
}

test_a_hold_that_nobody_may_approve_is_a_deny if {
	result := judge.decision({"defaults": {"approval": {"approvers": []}}}, ["t/hold"], [], {})
	result.effect == "deny"
	[[f.rule, f.effect] | some f in result.findings] == [["request/no-approver", "deny"], ["t/hold", "deny"]]
	contains(result.findings[0].message, "defaults.approval.approvers")
}

test_nobody_need_approve_what_an_exception_lifts if {
	changes := {"defaults": {"approval": {"approvers": []}}}
	judge.decision(changes, ["t/hold"], [], judge.lifting(["t/hold"], false)).effect == "allow"
}

test_a_scope_that_cannot_be_judged_denies_by_its_name if {
	changes := {"scopes": [{"name": "prod", "match": {"namespaceLabels": {"tier": "prod"}}}]}
	result := judge.decision(changes, [], [], {})
	result.effect == "deny"
	[[f.rule, f.absolute] | some f in result.findings] == [["request/scope-unknown", true]]
	contains(result.findings[0].message, "\"prod\"")
}
