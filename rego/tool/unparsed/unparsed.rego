# METADATA
# title: Commands that cannot be read
# description: |
#   What a shell will run is not always in its text: variables, substitutions, programs that come by a pipe, xargs.
#   Nothing is known of such a command before it runs; what it asks of a cluster is judged when it asks. Programs that
#   start nothing and talk to nobody may have arguments that are not known.
# custom:
#   severity: medium
#   ids: []
#   effect: record
#   profiles: {strict: hold}
#   parameters:
#     harmless:
#       description: |
#         Programs whose unknown arguments are no finding, in the place of those that are named here: `echo`, `grep`
#         and their like.
#       type: array
#   privileged: false
#   match:
#     - tools: ["*"]
#   remediation: Write out what the command is to do, word by word, without variables, pipes into a shell or xargs.
package sallyport.rules.tool.unparsed

import data.sallyport.lib.params
import data.sallyport.lib.tools

findings contains {"message": $"what `{tools.shown(command)}` does is not known: {words}", "fields": [field]} if {
	some i, command in input.tool.commands
	command.unparsed
	not without_consequence(command)
	words := object.get(why, command.unparsed, command.unparsed)
	field := $"commands[{i}]"
}

# The name is known, and only its arguments are not.
without_consequence(command) if {
	command.unparsed in {"variable", "substitution", "glob", "home", "dialect", "arguments-from-input"}
	some name in params.get("tool/unparsed", "harmless", harmless)
	command.argv[0] == name
}

harmless := {
	":", "[", "basename", "cat", "cd", "chmod", "chown", "column", "cp", "cut", "date", "df", "diff", "dirname", "du",
	"echo", "egrep", "exit", "expr", "false", "fgrep", "file", "fold", "grep", "head", "hostname", "id", "jq", "kill",
	"ls", "md5sum", "mkdir", "mktemp", "mv", "nl", "od", "paste", "printf", "pwd", "read", "readlink", "realpath",
	"return", "rev", "rg", "rm", "rmdir", "seq", "sha256sum", "shift", "sleep", "sort", "stat", "sum", "tac", "tail",
	"tee", "test", "touch", "tr", "tree", "true", "uname", "uniq", "wait", "wc", "which", "whoami",
}

why := {
	"alias": "a name may stand for another command",
	"arguments-from-input": "its arguments come from its input",
	"characters": "it has characters that shells read differently, or that look like others",
	"crash": "the parser failed",
	"dialect": "shells read it differently",
	"environment": "a variable changes which program runs",
	"eval": "it evaluates a text that is not known",
	"flags": "it has options that kubectl does not list",
	"glob": "a pattern stands for names that are not known",
	"home": "a folder is not named",
	"indirect": "another program is told to run it",
	"interpreter": "a program of another language stands in it",
	"plugin": "a plugin of kubectl does what it likes",
	"redefined": "a function stands in for the program",
	"script": "the shell's program is not in the text",
	"source": "a file is read into the shell",
	"substitution": "the output of another command stands in it",
	"syntax": "it is no shell text that can be parsed",
	"timeout": "it takes too long to read",
	"too-deep": "it is nested too deep",
	"too-long": "it is too long",
	"too-many": "it holds too many commands",
	"variable": "a variable stands in it",
	"wrapper": "what wraps it has options that are not known",
}
