# METADATA
# title: Vocabulary of rules on Secrets
package sallyport.lib.secrets

# METADATA
# description: The values of a Secret, wherever the answer carries them.
mask := {
	"selector": {"group": "", "resource": "secrets"},
	"fields": ["data.*", "stringData.*"],
	"placeholder": "**sallyport-masked**",
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
