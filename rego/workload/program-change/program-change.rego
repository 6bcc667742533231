# METADATA
# title: Another program where a pod reaches its node
# description: |
#   What an administrator granted to one program (a privileged container, added capabilities, the node's
#   namespaces, directories of the node) serves whatever runs there next: a template that keeps it, and gets
#   another image, command, arguments or one container more, hands it to that.
# custom:
#   severity: high
#   ids: [T1611, T1525, MS-TA9018, K01]
#   effect: allow
#   profiles: {strict: hold}
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Have an administrator roll it out.
package sallyport.rules.workload.program_change

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some c in pods.containers
	count(pods.before(c.pod.path)) > 0
	count(powerful & {c.pod.path, $"{c.pod.path}.securityContext", $"{c.path}.securityContext"}) > 0
	some name in ["image", "command", "args"]
	object.get(c.container, name, null) != object.get(c.before, name, null)
	field := $"{c.path}.{name}"
	message := $"{pods.owner(c)} of a pod that reaches its node gets another {name}"
}

powerful contains context.path if some context in pod_security.privileged

powerful contains added.context.path if some added in pod_security.added_capabilities

powerful contains context.path if some context in pod_security.host_processes

powerful contains mount.pod.path if some mount in pod_security.host_paths

powerful contains pod.path if {
	some pod in pods.written
	some name in ["hostPID", "hostIPC", "hostNetwork"]
	pod.spec[name] == true
}
