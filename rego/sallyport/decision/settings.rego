# METADATA
# title: What the guardrails say of a rule
# description: |
#   Profiles give each rule its effect, `rules` and the scopes' `rules` change it. A scope that applies only
#   in part (see `sallyport.scopes`) may make it stronger and never weaker.
package sallyport.settings

import data.sallyport.scopes

effects := ["allow", "record", "mask", "hold", "deny"]

rank := {"allow": 0, "record": 1, "mask": 2, "hold": 3, "deny": 4}

# METADATA
# description: The order in which findings are shown.
weakness := {"deny": 0, "hold": 1, "mask": 2, "record": 3, "allow": 4}

# An effect that nobody knows denies, and a level that nobody knows records all.
strength(effect_name) := object.get(rank, effect_name, rank.deny)

levels := ["None", "Metadata", "Request", "RequestResponse"]

level_rank := {"None": 0, "Metadata": 1, "Request": 2, "RequestResponse": 3}

depth(level) := object.get(level_rank, level, level_rank.RequestResponse)

metadata(id, key, fallback) := object.get(data.rules, [id, key], fallback)

# METADATA
# description: The effect in force for a rule; what cannot be told is deny.
effect(id) := effects[max(stronger | {strength(start)})] if {
	layers := layered(id, "effect")
	start := object.get(layers, "value", profile_effect(id))
	stronger := {strength(tighter) | some tighter in layers.tighter}
} else := "deny"

# A person set this rule's effect, in `rules` or in a scope that applies.
explicit(id) if layered(id, "effect").value

explicit(id) if some _ in layered(id, "effect").tighter

# No exception lifts this rule.
default absolute(_) := false

absolute(id) if layered(id, "absolute").value == true

absolute(id) if true in layered(id, "absolute").tighter

# A rule masks where its effect is at least mask, or where only its stop was loosened.
masks(id) if strength(effect(id)) >= rank.mask

masks(id) if strength(profile_effect(id)) > rank.mask

# METADATA
# description: |
#   One field of a rule's settings: `value` from the last of `rules` and the scopes that apply in full,
#   `tighter` from the scopes after it that may only tighten.
layered(id, field) := pick(
	object.get(data.guardrails, ["rules", id, field], null),
	[{"tighten": m.tighten, "value": v} |
		some m in scopes.matched
		v := m.scope.rules[id][field]
	],
)

# METADATA
# description: The same for a scope's own field, over a default (null where there is none).
layered_scope(default_value, field) := pick(
	default_value,
	[{"tighten": m.tighten, "value": v} |
		some m in scopes.matched
		v := m.scope[field]
	],
)

pick(base, []) := {"value": base, "tighter": []} if base != null

pick(null, []) := {"tighter": []}

pick(base, layers) := object.union(value, {"tighter": tighter}) if {
	count(layers) > 0
	last := max({-1} | {i | some i, layer in layers; not layer.tighten})
	value := picked(base, layers, last)
	tighter := [layer.value | some i, layer in layers; i > last]
}

picked(_, layers, last) := {"value": layers[last].value} if last >= 0

picked(base, _, -1) := {"value": base} if base != null

picked(null, _, -1) := {}

# The profiles in force, and those that scopes applying in part add beside them.
profile_sets := array.concat([profiles.value], profiles.tighter)

profiles := layered_scope(data.guardrails.profiles, "profiles")

# METADATA
# description: What the profiles make of a rule; a rule that has no metadata is deny.
profile_effect(id) := effects[max({strength(under(id, set)) | some set in profile_sets})]

# approve-secrets turns what it names into holds, whatever the profiles beside it say; alone it stands on
# baseline.
under(id, set) := data.rules[id].profiles["approve-secrets"] if {
	"approve-secrets" in set
} else := baseline(id) if {
	every profile in set { profile == "approve-secrets" }
} else := effects[max({strength(by_profile(id, profile)) |
	some profile in set
	profile != "approve-secrets"
})] if {
	every profile in set { profile in known_profiles }
}

known_profiles := {
	"approve-secrets",
	"baseline",
	"observe",
	"pod-security/baseline",
	"pod-security/restricted",
	"read-only",
	"strict",
}

by_profile(id, "observe") := "record" if baseline(id) != "allow"

by_profile(id, "observe") := "allow" if baseline(id) == "allow"

by_profile(id, profile) := object.get(data.rules, [id, "profiles", profile], baseline(id)) if {
	profile in {"baseline", "strict", "read-only"}
}

# The published standards are their own rules and no others.
by_profile(id, profile) := object.get(data.rules, [id, "profiles", profile], "allow") if {
	profile in {"pod-security/baseline", "pod-security/restricted"}
}

# What ordinary work would trip is off until a person says what is ordinary (contracts §2).
baseline(id) := data.rules[id].effectWithParams if {
	count(object.get(data.guardrails, ["rules", id, "params"], {})) > 0
} else := metadata(id, "effect", "deny")

# METADATA
# description: |
#   The strongest of the scopes' level (or the default) and the levels of the rules that found something;
#   a finding means at least Metadata.
record_level(ids) := levels[max(general | specific)] if {
	layers := layered_scope(object.get(data.guardrails, ["defaults", "record"], "Metadata"), "record")
	general := {depth(layers.value)} | {depth(tighter) | some tighter in layers.tighter}
	specific := {depth(level) | some id in ids; some level in rule_levels(id)}
}

rule_levels(id) := {"Metadata", own} | tighter if {
	layers := layered(id, "record")
	own := object.get(layers, "value", metadata(id, "record", "Metadata"))
	tighter := {level | some level in layers.tighter}
}
