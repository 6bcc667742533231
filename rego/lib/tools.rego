# METADATA
# title: The commands of a model's tool call
package sallyport.lib.tools

# METADATA
# description: |
#   What a command is called, for a message: its program, and of kubectl and helm what they are to do. No more, since
#   tokens stand among the other words and a message goes to logs.
# scope: document
shown(command) := concat("", [substring(command.argv[0], 0, 60), deed(command)])

shown(command) := "a text" if not command.argv[0]

default deed(_) := ""

deed(command) := $" {word}" if {
	command.argv[0] in {"kubectl", "helm"}
	word := command.argv[1]
	regex.match(`^[a-z-]{1,30}$`, word)
}
