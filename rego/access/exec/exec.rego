# METADATA
# title: Exec and attach
# description: |
#   A command in a container acts with everything that the pod has: its service account, its Secrets, its
#   network. kubectl asks with GET (WebSocket) or POST (SPDY), so that the operation counts and not the verb.
# custom:
#   severity: high
#   ids: [MS-TA9006, T1609, POD_EXEC, POD_ATTACH]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [exec, attach]
#       operations: [CONNECT]
#   remediation: Read logs and events, or describe the pod; else wait for the approval of this command.
package sallyport.rules.access.exec

import data.sallyport.lib.requests
import data.sallyport.lib.text

findings contains {"message": concat("", [deed, requests.parent, where, typed]), "fields": []}

default deed := "runs a command in "

deed := "attaches to " if input.request.subResource == "attach"

deed := $"runs `{command}` in " if {
	input.request.subResource == "exec"
	command := text.shell(input.exec.command)
}

default where := ""

where := $", container {input.exec.container}" if input.exec.container != ""

default typed := ""

# What is typed is no part of what is approved: `sh` alone does nothing.
typed := ", with its input open: it runs whatever is typed later" if input.exec.stdin
