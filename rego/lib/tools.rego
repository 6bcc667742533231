# METADATA
# title: The commands of a model's tool call
package sallyport.lib.tools

# METADATA
# description: A command as it is written; a long one is cut.
shown(command) := concat("", [substring(command.text, 0, 120), cut]) if {
	cut := object.get({true: "…"}, count(command.text) > 120, "")
}
