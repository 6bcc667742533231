# METADATA
# title: The decision
# description: |
#   Turns what the rules found into the verdict of contracts §1.3. Rules find; this package alone knows
#   effects, scopes and exceptions. It is undefined, and the host denies, where the guardrails, the rules'
#   metadata or the generated dispatch (`sallyport.index`) are missing.
# related_resources:
#   - ref: docs/guardrails.md
package sallyport

import data.sallyport.approval
import data.sallyport.scopes
import data.sallyport.settings

# METADATA
# title: The decision on one request
# entrypoint: true
decision := {
	"effect": effect,
	"findings": findings,
	"approval": terms,
	"mask": masks,
	"record": settings.record_level({f.rule | some f in findings}),
} if {
	is_array(data.guardrails.profiles)
	is_object(data.rules)
	is_object(data.sallyport.index.findings)
	is_object(data.sallyport.index.masks)
}

default effect := "allow"

effect := "deny" if {
	some f in findings
	f.effect == "deny"
} else := "hold" if {
	some f in findings
	f.effect == "hold"
}

# Strongest first, then by rule, in the same order natively and in the WASM.
findings := [f | some [_, _, f] in sort([[settings.weakness[f.effect], f.rule, f] | some f in (judged | refusals)])]

# A rule that is off in the profile in force says nothing, unless a person set it to allow or lifted it.
judged contains finding if {
	some id, found in data.sallyport.index.findings
	set_effect := settings.effect(id)
	verdict := lifted(id, set_effect)
	shown(id, verdict)
	some raw in found
	finding := object.union(verdict, {
		"rule": id,
		"message": said(raw, "message", settings.metadata(id, "title", id)),
		"severity": settings.metadata(id, "severity", "high"),
		"ids": settings.metadata(id, "ids", []),
		"fields": said(raw, "fields", []),
		"privileged": settings.metadata(id, "privileged", false),
		"absolute": settings.absolute(id),
	})
}

# A rule that finds something and says it badly has found it all the same.
said(raw, key, otherwise) := object.get(raw, key, otherwise) if is_object(raw)

said(raw, _, otherwise) := otherwise if not is_object(raw)

shown(_, verdict) if verdict.effect != "allow"

shown(_, verdict) if verdict.exception

shown(id, _) if settings.explicit(id)

# An exception lifts what would stop the request; what only records goes on recording, and a mask goes only
# with an exception that unmasks.
lifted(id, set_effect) := {"effect": "allow", "exception": name} if {
	liftable(id, set_effect)
	not settings.absolute(id)
	name := min(exceptions_for(id))
} else := {"effect": "deny"} if {
	set_effect == "hold"
	approval.nobody(id)
} else := {"effect": set_effect}

liftable(_, set_effect) if set_effect in {"hold", "deny"}

liftable(id, "mask") if unmasked(id)

exceptions_for(id) := {e.name |
	some e in input.exceptions
	id in e.rules
}

unmasked(id) if {
	not settings.absolute(id)
	some e in input.exceptions
	e.unmask == true
	id in e.rules
}

refusals contains refusal("request/scope-unknown", message) if {
	some name in scopes.unknown
	message := concat("", [
		"whether the guardrails' scope \"", name, "\" applies cannot be told: ",
		"the labels of the namespace could not be read",
	])
}

refusals contains refusal("request/no-approver", message) if {
	some id in held
	approval.nobody(id)
	message := concat("", [
		id, " asks for approval, and the guardrails name nobody who could give it: ",
		"set defaults.approval.approvers",
	])
}

refusal(rule, message) := {
	"rule": rule,
	"effect": "deny",
	"message": message,
	"severity": "high",
	"ids": [],
	"fields": [],
	"privileged": false,
	"absolute": true,
}

# Rules whose findings hold, once exceptions are taken away.
held contains id if {
	some id, found in data.sallyport.index.findings
	count(found) > 0
	settings.effect(id) == "hold"
	not lifted(id, "hold").exception
}

default terms := null

terms := approval.terms(held) if effect == "hold"

# A rule's masks stay where a person only loosened what it stops: unmasking takes an exception that says so,
# or loosening a rule that is nothing but a mask.
masks := sort(rule_masks | guardrail_masks)

rule_masks contains object.union({"placeholder": "**sallyport-masked**"}, mask) if {
	some id, found in data.sallyport.index.masks
	some mask in found
	settings.masks(id)
	not unmasked(id)
}

guardrail_masks contains object.union(patterns, {
	"selector": {"group": mask.group, "resource": mask.resource},
	"fields": mask.fields,
	"placeholder": "**sallyport-masked**",
}) if {
	some mask in data.guardrails.masks
	mask.group in {input.request.resource.group, "*"}
	mask.resource in {input.request.resource.resource, "*"}
	patterns := {k: v | some k, v in mask; k == "patterns"; count(v) > 0}
}
