# METADATA
# title: Vocabulary of rules on pod templates
# description: |
#   What a request writes, beside what is stored at the same place: rules judge what the author set, and what
#   stood there already was not asked for now. Complete rules, so that the containers are walked once however
#   many rules look at them.
package sallyport.lib.pods

# METADATA
# description: |
#   The pod templates that this request writes. The server ignores the template in a write of status, and a
#   scale has none.
written := input.podSpecs if {
	input.request.operation in {"CREATE", "UPDATE"}
	not input.request.subResource in {"scale", "status"}
}

# METADATA
# description: |
#   Every container of the templates that this request writes: its `path`, its `pod` (an entry of `written`),
#   its `kind` (the list that it stands in), and `before`, the stored container of the same name in the same
#   list of the same template, empty where there was none.
# scope: document
containers := array.flatten([listed, steps_of_tasks, single]) if custom

else := listed

listed := [{"path": path, "pod": pod, "kind": kind, "container": container, "before": stored_container} |
	some pod in written
	some kind in ["containers", "initContainers", "ephemeralContainers"]
	some i, container in pod.spec[kind]
	path := $"{pod.path}.{kind}[{i}]"
	stored_container := container_before(pod.path, kind, container)
]

default container_before(_, _, _) := {}

container_before(path, kind, container) := [same |
	some same in before(path)[kind]
	same.name == container.name
][0]

# No group that has a pod template of Kubernetes' own has a dot.
custom if contains(input.request.resource.group, ".")

# Tekton's.
steps_of_tasks := [{"path": path, "pod": pod, "kind": kind, "container": container, "before": stored_container} |
	some pod in written
	some kind in ["steps", "sidecars"]
	some i, container in pod.spec[kind]
	path := $"{pod.path}.{kind}[{i}]"
	stored_container := container_before(pod.path, kind, container)
]

# An Argo Workflow's, and what Tekton says for every step.
single := [{"path": path, "pod": pod, "kind": kind, "container": container, "before": stored_container} |
	some pod in written
	some kind in ["container", "script", "stepTemplate"]
	container := pod.spec[kind]
	is_object(container)
	path := $"{pod.path}.{kind}"
	stored_container := object.get(before(pod.path), kind, {})
]

# METADATA
# description: |
#   The security contexts that those containers have: `path`, what is `set`, what was set `before`, the
#   `container` and its `pod`.
container_contexts := [context |
	some c in containers
	context := {
		"path": $"{c.path}.securityContext",
		"set": c.container.securityContext,
		"before": object.get(c.before, "securityContext", {}),
		"container": c.container,
		"pod": c.pod,
	}
]

# METADATA
# description: The same of the templates themselves; these have no `container`.
pod_contexts := [context |
	some pod in written
	context := {
		"path": $"{pod.path}.securityContext",
		"set": pod.spec.securityContext,
		"before": object.get(before(pod.path), "securityContext", {}),
		"pod": pod,
	}
]

# METADATA
# description: Both.
contexts := array.concat(pod_contexts, container_contexts)

# METADATA
# description: Whose context or container it is, in words.
# scope: document
owner(context) := $"container {context.container.name}" if context.container.name

owner(context) := "the container" if {
	context.container
	not context.container.name
}

owner(context) := "the pod" if not context.container

# METADATA
# description: |
#   The templates that this request changes: not those of a restart, a label or another field of their
#   object, after which a template is as it was.
changed contains pod.path if {
	some pod in written
	pod.spec != before(pod.path)
}

# METADATA
# description: |
#   The stored pod template at the path of one of `input.podSpecs`; empty where there was none.
# scope: document
default before(_) := {}

before(path) := [template.spec | some template in stored; template.path == path][0]

# A list: of the values of an object policy would have to see the whole (engine/bundle/reads).
stored := [{"path": pod.path, "spec": spec} |
	is_object(input.oldObject)
	some pod in input.podSpecs
	spec := object.get(input.oldObject, steps(pod.path), {})
]

# METADATA
# description: |
#   The metadata of a template of `written` (of the pod itself where the template is one), empty where there
#   is none.
metadata(pod) := beside(object.get(input, "object", {}), pod.path)

# METADATA
# description: The annotations of a template of `written`.
annotations(pod) := object.get(metadata(pod), "annotations", {})

# METADATA
# description: The annotations that were stored at the template of the same path.
annotations_before(pod) := object.get(beside(object.get(input, "oldObject", {}), pod.path), "annotations", {})

default beside(_, _) := {}

beside(whole, path) := object.get(whole, array.concat(parent, ["metadata"]), {}) if {
	is_object(whole)
	names := steps(path)
	parent := array.slice(names, 0, count(names) - 1)
}

# METADATA
# description: |
#   The field of an annotation of a template: that of a pod is its own.
annotation_field(pod, name) := $"{trim_suffix(pod.path, "spec")}metadata.annotations['{name}']"

# The keys and indexes of a dotted path. Those of built-in kinds have no bracket; those of custom resources
# may: `spec.templates[0].podSpec`, `spec['my.pod']` (kubernetes/pod-specs.ts writes them).
steps(path) := split(path, ".") if not contains(path, "[")

steps(path) := [step(captured) |
	some captured in regex.find_all_string_submatch_n(`([^.\[\]']+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]`, path, -1)
] if {
	contains(path, "[")
}

step([_, name, "", ""]) := name if name != ""

step([_, "", index, ""]) := to_number(index) if index != ""

step([_, "", "", quoted]) := replace(quoted, `\'`, "'")
