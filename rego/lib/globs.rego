# METADATA
# title: Globs in which a star stands for any text
# description: |
#   What guardrails name people, connections, namespaces, labels and models by. Nothing but the star means anything, and
#   `!` before a pattern, which excludes.
package sallyport.lib.globs

# METADATA
# description: |
#   Some pattern matches one of these values (or there are only exclusions), and no exclusion matches one. No patterns
#   select all.
# scope: document
selects([], _)

selects(patterns, values) if {
	not excluded(patterns, values)
	included(patterns, values)
}

excluded(patterns, values) if {
	some pattern in patterns
	startswith(pattern, "!")
	some value in values
	matches(substring(pattern, 1, -1), value)
}

included(patterns, values) if {
	some pattern in patterns
	not startswith(pattern, "!")
	some value in values
	matches(pattern, value)
}

included(patterns, _) if {
	every pattern in patterns { startswith(pattern, "!") }
}

matches(pattern, value) if pattern == value

# One star, as nearly all patterns have, without the price of an expression.
matches(pattern, value) if {
	[head, tail] := split(pattern, "*")
	startswith(value, head)
	endswith(value, tail)
	count(value) >= count(head) + count(tail)
}

# Names may hold any character, so that only the star may mean something.
matches(pattern, value) if {
	parts := split(pattern, "*")
	count(parts) > 2
	quoted := [replace(part, `\E`, `\E\\E\Q`) | some part in parts]
	regex.match(concat("", [`(?s)^\Q`, concat(`\E.*\Q`, quoted), `\E$`]), value)
}
