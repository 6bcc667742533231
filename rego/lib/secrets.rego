# METADATA
# title: Vocabulary of rules on Secrets
package sallyport.lib.secrets

import data.sallyport.lib.params

# METADATA
# description: The values of a Secret, wherever the answer carries them.
mask := {
	"selector": {"group": "", "resource": "secrets"},
	"fields": ["data.*", "stringData.*"],
	"placeholder": "**sallyport-masked**",
}

# METADATA
# scope: document
# description: The guardrails name this identity among those who may list and watch Secrets.
may_list if input.user.username in params.get("secrets/list", "users", [])

may_list if {
	some group in input.user.groups
	group in params.get("secrets/list", "groups", [])
}

# METADATA
# description: The fields of the Secret that the request changes, sorted; no values.
changed := sort({$"{part}['{key}']" |
	some part in ["data", "stringData"]
	some key in keys(part)
	value("object", part, key) != value("oldObject", part, key)
})

keys(part) := {key | some which in ["object", "oldObject"]; some key, _ in input[which][part]}

value(which, part, key) := object.get(input, [which, part, key], null)
