# METADATA
# title: What the Pod Security Standards restrict
# description: |
#   Each value that the published standards forbid, wherever a request writes it, found once for the two kinds
#   of rules that look at it: those of rego/workload, which do not find again what was stored already, and
#   those of rego/pod-security, which judge the whole of a template that changes. The lists are those of
#   Kubernetes 1.36 (k8s.io/pod-security-admission/policy, checked against it by test/matrix).
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/
package sallyport.lib.pod_security

import data.sallyport.lib.pods

privileged := [context | some context in pods.container_contexts; context.set.privileged == true]

# METADATA
# description: Capabilities that are added, beyond those that container runtimes give by default.
added_capabilities := [{"context": context, "index": i, "name": name} |
	some context in pods.container_contexts
	some i, name in context.set.capabilities.add
	not name in default_capabilities
]

# NET_RAW is of the runtimes' default set, and not of the standards'.
default_capabilities := {
	"AUDIT_WRITE",
	"CHOWN",
	"DAC_OVERRIDE",
	"FOWNER",
	"FSETID",
	"KILL",
	"MKNOD",
	"NET_BIND_SERVICE",
	"SETFCAP",
	"SETGID",
	"SETPCAP",
	"SETUID",
	"SYS_CHROOT",
}

proc_mounts := [context |
	some context in pods.container_contexts
	not object.get(context.set, "procMount", null) in {null, "Default"}
]

# METADATA
# description: Profiles are what the runtime gives or a file of the node; all else, and nothing, is not.
seccomp_profiles := [context |
	some context in pods.contexts
	unconfined(context.set.seccompProfile)
]

app_armor_profiles := [context |
	some context in pods.contexts
	unconfined(context.set.appArmorProfile)
]

unconfined(profile) if {
	is_object(profile)
	not object.get(profile, "type", "") in {"RuntimeDefault", "Localhost"}
}

# METADATA
# description: |
#   The same in annotations, which the API server turns into fields (KEP-24) and older kubelets read.
app_armor_annotations := [{"pod": pod, "name": name, "value": value} |
	some pod in pods.written
	some name, value in pods.annotations(pod)
	startswith(name, "container.apparmor.security.beta.kubernetes.io/")
	not value in {null, "", "runtime/default"}
	not startswith(value, "localhost/")
]

# METADATA
# description: SELinux options that a workload may not choose, each under its `option`.
selinux_options := [{"context": context, "option": option, "value": value} |
	some context in pods.contexts
	some option in ["type", "user", "role"]
	value := context.set.seLinuxOptions[option]
	not value in object.get(selinux_allowed, option, {null, ""})
]

selinux_allowed := {"type": {
	null,
	"",
	"container_t",
	"container_init_t",
	"container_kvm_t",
	"container_engine_t",
}}

host_processes := [context |
	some context in pods.contexts
	context.set.windowsOptions.hostProcess == true
]

host_ports := [{"container": c, "index": i, "port": port} |
	some c in pods.containers
	some i, port in c.container.ports
	not object.get(port, "hostPort", null) in {null, 0}
]

# METADATA
# description: |
#   Hosts that the kubelet is told to reach, from its own network, for a probe or a lifecycle hook; `path` is
#   where it stands in its container.
probe_hosts := [{"container": c, "path": path, "host": host} |
	some {"container": c, "place": place, "handler": handler} in array.concat(probes, hooks)
	some action in ["httpGet", "tcpSocket"]
	host := handler[action].host
	not host in {null, ""}
	path := $"{place}.{action}"
]

# Objects: of what stands in a list beside a container, policy would have to see all (engine/bundle/reads).
probes := [{"container": c, "place": name, "handler": c.container[name]} |
	some c in pods.containers
	some name in ["livenessProbe", "readinessProbe", "startupProbe"]
]

hooks := [{"container": c, "place": place, "handler": hook} |
	some c in pods.containers
	some name, hook in c.container.lifecycle
	name in ["postStart", "preStop"]
	place := $"lifecycle.{name}"
]

# METADATA
# description: Sysctls that are not known to be safe for the node and its other pods.
sysctls := [{"context": context, "index": i, "name": name} |
	some context in pods.pod_contexts
	some i, sysctl in context.set.sysctls
	name := object.get(sysctl, "name", "")
	not name in safe_sysctls
]

safe_sysctls := {
	"kernel.shm_rmid_forced",
	"net.ipv4.ip_local_port_range",
	"net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ping_group_range",
	"net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_rmem",
	"net.ipv4.tcp_syncookies",
	"net.ipv4.tcp_wmem",
}

# METADATA
# description: Volumes that are directories of the node.
host_paths := [{"pod": pod, "index": i, "volume": volume} |
	some pod in pods.written
	some i, volume in pod.spec.volumes
	object.get(volume, "hostPath", null) != null
]

# METADATA
# description: A user 0 that the author asks for.
root_users := [context |
	some context in pods.contexts
	context.set.runAsUser == 0
]

# METADATA
# description: |
#   Containers of the templates that this request changes. The standards judge a template whole: what changes
#   any of it must leave all of it as they ask.
judged_containers := [c | some c in pods.containers; judged(c.pod)]

# METADATA
# description: The same of their security contexts, and of those of the templates.
judged_contexts := [context | some context in pods.contexts; judged(context.pod)]

judged(pod) if pod.path in pods.changed

# METADATA
# description: The kubelet of a Windows node ignores what only Linux has, and validation refuses it.
windows(pod) if pod.spec.os.name == "windows"

# METADATA
# description: User 0 of such a pod is nobody on its node (KEP-127).
user_namespace(pod) if pod.spec.hostUsers == false
