# METADATA
# title: Another program where a pod reaches its node
# description: |
#   What an administrator granted to one program (a privileged container, added capabilities, an unmasked
#   /proc, an SELinux type, the node's namespaces, directories of the node) serves whatever runs there next:
#   a template that keeps it, and gets another image, command, environment, hook or mount, or one container
#   more, hands it to that. A restart, a scale, labels and resources are none of these.
# custom:
#   severity: high
#   ids: [T1611, T1525, MS-TA9018, K01]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: reaching-node
#   remediation: Have an administrator roll it out.
package sallyport.rules.workload.program_change

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some c in reaching
	some name in programs
	not same(object.get(c.container, name, null), object.get(c.before, name, null))
	field := $"{c.path}.{name}"
	message := $"{pods.owner(c)} of a pod that reaches its node gets another {name}"
}

# A hook or a probe that runs a command runs one more program.
findings contains {"message": message, "fields": [field]} if {
	some c in reaching
	some {"place": place, "command": command} in commands(c.container)
	not {"place": place, "command": command} in commands(c.before)
	field := $"{c.path}.{place}.exec.command"
	message := $"{pods.owner(c)} of a pod that reaches its node gets another {place}"
}

# What it mounts may be what it runs. Directories of the node are for workload/host-path.
findings contains {"message": message, "fields": [field]} if {
	some pod in pods.written
	pod.path in {c.pod.path | some c in reaching}
	some i, volume in pod.spec.volumes
	not volume.hostPath
	some before in pods.before(pod.path).volumes
	volume.name == before.name
	volume != before
	field := $"{pod.path}.volumes[{i}]"
	message := $"volume {volume.name} of a pod that reaches its node gets another content"
}

# A step of Tekton's has a script, a script of Argo's a source.
programs := [
	"image",
	"command",
	"args",
	"script",
	"source",
	"workingDir",
	"env",
	"envFrom",
	"volumeMounts",
	"volumeDevices",
]

# Each by its name: of what is looked up by a path, policy would have to see all (engine/bundle/reads).
commands(container) := array.flatten([
	[{"place": "lifecycle.postStart", "command": command} | command := container.lifecycle.postStart.exec.command],
	[{"place": "lifecycle.preStop", "command": command} | command := container.lifecycle.preStop.exec.command],
	[{"place": name, "command": command} |
		some name in ["livenessProbe", "readinessProbe", "startupProbe"]
		command := container[name].exec.command
	],
])

# Nothing and an empty list are one (omitempty).
same(one, other) if one == other

same(one, other) if {
	one in {null, []}
	other in {null, []}
}

# Of what was there: in a new pod each power is found by its own rule.
reaching := [c |
	is_object(object.get(input, "oldObject", null))
	count(powerful) > 0
	some c in pods.containers
	count(powerful & {c.pod.path, $"{c.pod.path}.securityContext", $"{c.path}.securityContext"}) > 0
]

powerful contains context.path if some context in pod_security.privileged

powerful contains added.context.path if some added in pod_security.added_capabilities

powerful contains context.path if some context in pod_security.host_processes

powerful contains context.path if some context in pod_security.proc_mounts

powerful contains chosen.context.path if some chosen in pod_security.selinux_options

powerful contains mount.pod.path if some mount in pod_security.host_paths

powerful contains pod.path if {
	some pod in pods.written
	some name in ["hostPID", "hostIPC", "hostNetwork"]
	pod.spec[name] == true
}
