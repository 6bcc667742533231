# METADATA
# title: Text for people
package sallyport.lib.text

# METADATA
# description: |
#   A command as one would type it into a shell, so that whoever approves it sees where an argument ends.
shell(command) := concat(" ", [quoted(word) | some word in command])

quoted(word) := word if {
	regex.match(`^[A-Za-z0-9@%+=:,./_-]+$`, word)
} else := concat("", ["'", replace(word, "'", `'\''`), "'"])
