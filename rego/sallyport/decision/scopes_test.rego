package sallyport.scopes_test

import data.sallyport.lib.given
import data.sallyport.scopes

# METADATA
# description: |
#   How one scope applies: "full", "part", "unknown", or "no".
fit(match, facts) := how if {
	guardrails := {"scopes": [{"name": "s", "match": match}]}
	request := given.request("get", "pods", facts)
	names := scopes.unknown with data.guardrails as guardrails with input as request
	found := scopes.matched with data.guardrails as guardrails with input as request
	how := told(names, found)
}

told(names, _) := "unknown" if count(names) > 0

told(names, [scope]) := "full" if {
	count(names) == 0
	not scope.tighten
}

told(names, [scope]) := "part" if {
	count(names) == 0
	scope.tighten
}

told(names, []) := "no" if count(names) == 0

test_an_empty_match_is_of_everything if {
	names := {key: [] | some key in ["users", "groups", "connections", "namespaces"]}
	every match in [{}, names, {"namespaceLabels": {}, "objectLabels": {}}] {
		fit(match, {}) == "full"
		fit(match, {"request": {"namespace": ""}}) == "full"
	}
}

test_a_scope_without_a_match_is_of_everything if {
	found := scopes.matched with data.guardrails as {"scopes": [{"name": "s"}]}
		with input as given.request("get", "pods", {})
	count(found) == 1
}

test_scopes_keep_the_order_of_the_file if {
	list := [{"name": "z"}, {"name": "no", "match": {"users": ["x"]}}, {"name": "a"}]
	found := scopes.matched with data.guardrails as {"scopes": list} with input as given.request("get", "pods", {})
	[m.scope.name | some m in found] == ["z", "a"]
}

test_keys_are_anded_and_values_ored if {
	fit({"users": ["corp:x", "corp:agent"], "groups": ["corp:devs"], "connections": ["prod"]}, {}) == "full"
	fit({"users": ["corp:agent"], "groups": ["corp:ops"]}, {}) == "no"
	fit({"users": ["corp:agent"], "connections": ["dev"]}, {}) == "no"
	fit({"users": ["corp:x"], "groups": ["corp:devs"]}, {}) == "no"
}

test_names_are_matched_by_the_star_alone if {
	yes := [
		["shop", "shop"], ["*", "shop"], ["s*", "shop"], ["*p", "shop"], ["s*p", "shop"], ["s*o*", "shop"], ["shop*", "shop"],
		["a.*", "a.b"], ["a*z", "a\nz"], [`x\E*y`, `x\Ezy`], [`x\E*y*`, `x\Ezy`], ["*", ""], ["a*b*c", "abbcc"],
	]
	no := [
		["sho", "shop"], ["hop", "shop"], ["S*", "shop"], ["s*x", "shop"], ["s?op", "shop"], ["[s]hop", "shop"], ["s*s", "s"],
		["a.*", "ab"], ["{a,b}*", "a"], ["(a|b)*", "a"], ["a*\n", "a"], ["ab*bc", "abc"],
	]
	every pair in yes { fit({"namespaces": [pair[0]], "users": [pair[0]]}, named(pair[1])) in {"full", "part"} }
	every pair in no { fit({"namespaces": [pair[0]]}, named(pair[1])) == "no" }
}

named(text) := {"request": {"namespace": text}, "user": {"username": text}}

test_an_exclamation_mark_excludes if {
	fit({"namespaces": ["sh*", "!shop"]}, {}) == "no"
	fit({"namespaces": ["!shop", "sh*"]}, {}) == "no"
	fit({"namespaces": ["sh*", "!sho"]}, {}) == "full"
	fit({"namespaces": ["!pay-*"]}, {}) == "full"
	fit({"namespaces": ["!sh*"]}, {}) == "no"
}

test_one_excluded_group_is_enough if {
	groups := {"user": {"groups": ["corp:devs", "corp:contractors"]}}
	fit({"groups": ["corp:devs"]}, groups) == "full"
	fit({"groups": ["corp:*", "!corp:contractors"]}, groups) == "no"
}

test_a_user_without_groups_matches_no_group if {
	fit({"groups": ["*"]}, {"user": {"groups": []}}) == "no"
	fit({"groups": ["!corp:contractors"]}, {"user": {"groups": []}}) == "full"
}

test_across_all_namespaces_a_scope_of_some_applies_in_part if {
	every match in [{"namespaces": ["shop"]}, {"namespaces": ["!shop"]}, {"namespaceLabels": {"tier": "prod"}}] {
		fit(match, {"request": {"namespace": ""}}) == "part"
	}
	fit({"namespaces": ["shop"], "users": ["x"]}, {"request": {"namespace": ""}}) == "no"
}

test_labels_of_the_namespace_are_anded_and_globbed if {
	labels := {"namespaceLabels": {"tier": "prod-eu", "team": "pay"}}
	fit({"namespaceLabels": {"tier": "prod-*"}}, labels) == "full"
	fit({"namespaceLabels": {"tier": "prod-*", "team": "pay"}}, labels) == "full"
	fit({"namespaceLabels": {"tier": "prod-*", "team": "shop"}}, labels) == "no"
	fit({"namespaceLabels": {"tier": "!prod-*"}}, labels) == "no"
	fit({"namespaceLabels": {"other": "*"}}, labels) == "no"
	fit({"namespaceLabels": {"other": "!x"}}, labels) == "full"
}

test_unreadable_labels_make_it_unknown_only_where_they_are_asked_for if {
	every facts in [{}, {"namespaceLabels": null}] {
		fit({"namespaceLabels": {"tier": "prod"}}, facts) == "unknown"
		fit({"namespaceLabels": {"tier": "prod"}, "users": ["x"]}, facts) == "no"
		fit({"namespaceLabels": {"tier": "prod"}, "namespaces": ["other"]}, facts) == "no"
		fit({"namespaces": ["shop"]}, facts) == "full"
	}
}

labelled := {"metadata": {"labels": {"app": "web"}}}

bare := {"metadata": {"name": "x"}}

web := {"objectLabels": {"app": "web"}}

test_labels_of_the_object_apply_in_full_where_they_are_stored_and_kept if {
	fit(web, {"oldObject": labelled, "object": labelled}) == "full"
	fit(web, {"oldObject": labelled}) == "full"
	fit(web, {"oldObject": labelled, "object": null}) == "full"
}

test_labels_that_the_request_adds_or_drops_apply_in_part if {
	fit(web, {"object": labelled}) == "part"
	fit(web, {"object": labelled, "oldObject": null}) == "part"
	fit(web, {"object": labelled, "oldObject": bare}) == "part"
	fit(web, {"object": bare, "oldObject": labelled}) == "part"
}

test_an_object_without_the_labels_is_not_of_the_scope if {
	fit(web, {"object": bare}) == "no"
	fit(web, {"object": bare, "oldObject": bare}) == "no"
	fit(web, {"oldObject": {"metadata": {"labels": {"app": "db"}}}}) == "no"
}

test_where_no_object_is_known_the_scope_applies_in_part if {
	fit(web, {}) == "part"
	fit(web, {"object": null, "oldObject": null}) == "part"
}

test_the_pod_of_an_exec_is_its_stored_object if {
	fit(web, {"target": {"labels": {"app": "web"}}}) == "full"
	fit(web, {"target": {"labels": {"app": "db"}}}) == "no"
}
