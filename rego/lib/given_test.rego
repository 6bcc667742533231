# METADATA
# title: Requests for tests
# description: Inputs of contracts §1.1, as small as rules need them.
package sallyport.lib.given

# METADATA
# description: A request for a resource of a namespace; `changes` replace any part of the input.
request(verb, resource, changes) := object.union(
	{
		"user": {"username": "corp:agent", "groups": ["corp:devs"]},
		"connection": {"name": "prod"},
		"exceptions": [],
		"request": {
			"verb": verb,
			"operation": object.get(operations, verb, ""),
			"path": "/",
			"nonResource": false,
			"resource": {"group": "", "version": "v1", "resource": resource},
			"subResource": "",
			"namespace": "shop",
			"name": "db",
		},
	},
	changes,
)

operations := {
	"create": "CREATE",
	"update": "UPDATE",
	"patch": "UPDATE",
	"delete": "DELETE",
	"deletecollection": "DELETE",
}

# METADATA
# description: A subresource that connects the caller to something, over a method of either kind.
connect(verb, resource, subresource, changes) := object.union(
	request(verb, resource, {"request": {"operation": "CONNECT", "subResource": subresource}}),
	changes,
)

# METADATA
# description: A path that is no resource.
path(verb, text) := request(verb, "", {"request": {
	"nonResource": true,
	"path": text,
	"namespace": "",
	"name": "",
	"operation": "",
}})

# METADATA
# description: A write of a pod with this spec.
pod(verb, spec) := request(verb, "pods", {
	"object": {"spec": spec},
	"podSpecs": [{"path": "spec", "spec": spec}],
})

# METADATA
# description: An update of a pod that is stored with another spec.
pod_update(spec, stored) := object.union(pod("update", spec), {"oldObject": {"spec": stored}})

# METADATA
# description: The specs of pods that have this container, one for each list that containers stand in.
with_container(container) := [{"path": $"spec.{kind}[0]", "spec": {kind: [container]}} |
	some kind in ["containers", "initContainers", "ephemeralContainers"]
]

# METADATA
# description: The specs of pods that have this security context, on a container of each list.
with_container_context(context) := [{"path": path, "owner": "container c", "spec": one.spec} |
	some one in with_container({"name": "c", "securityContext": context})
	path := $"{one.path}.securityContext"
]

# METADATA
# description: The same, and on the pod itself.
with_context(context) := array.concat(
	[{"path": "spec.securityContext", "owner": "the pod", "spec": {"securityContext": context}}],
	with_container_context(context),
)

# METADATA
# description: A dialogue with this model.
dialogue(model) := {
	"user": {"username": "corp:agent", "groups": ["corp:devs"]},
	"connection": {"name": "claude"},
	"exceptions": [],
	"dialogue": {"promptId": "p", "toolUseId": "", "model": model},
}

# METADATA
# description: A model's call of a shell's tool, which runs these commands.
tool(commands) := {
	"user": {"username": "corp:agent", "groups": ["corp:devs"]},
	"connection": {"name": "claude"},
	"exceptions": [],
	"tool": {"name": "Bash", "arguments": {}, "commands": commands},
}
