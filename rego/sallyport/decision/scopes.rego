# METADATA
# title: Which scopes apply to this request
# description: |
#   Keys of a match are ANDed, values ORed; `*` globs, `!` excludes, absent or empty matches all. Where a
#   request reaches beyond one namespace, or where labels are the agent's own word, a scope applies in part:
#   it may tighten and never loosen.
package sallyport.scopes

import data.sallyport.lib.globs

# METADATA
# description: The scopes that apply, in file order.
matched := [{"scope": scope, "tighten": tighten} |
	some scope in data.guardrails.scopes
	m := object.get(scope, "match", {})
	caller(m)
	fits := {namespace_fit(m), namespace_labels_fit(m), object_labels_fit(m)}
	tighten := "part" in fits
]

# METADATA
# description: Names of the scopes of which it cannot be told whether they apply.
unknown contains scope.name if {
	namespace != ""
	not is_object(object.get(input, "namespaceLabels", null))
	some scope in data.guardrails.scopes
	m := object.get(scope, "match", {})
	count(object.get(m, "namespaceLabels", {})) > 0
	caller(m)
	namespace_fit(m) == "full"
}

default namespace := ""

namespace := input.request.namespace

caller(m) if {
	globs.selects(object.get(m, "users", []), {input.user.username})
	globs.selects(object.get(m, "groups", []), input.user.groups)
	globs.selects(object.get(m, "connections", []), {input.connection.name})
}

namespace_fit(m) := "full" if count(object.get(m, "namespaces", [])) == 0

namespace_fit(m) := "full" if {
	namespace != ""
	globs.selects(m.namespaces, {namespace})
}

# All namespaces, or an object of the cluster.
namespace_fit(m) := "part" if {
	namespace == ""
	count(object.get(m, "namespaces", [])) > 0
}

namespace_labels_fit(m) := "full" if count(object.get(m, "namespaceLabels", {})) == 0

namespace_labels_fit(m) := "part" if {
	count(object.get(m, "namespaceLabels", {})) > 0
	namespace == ""
}

# Unreadable labels (`unknown`) tighten as well, beside the refusal.
namespace_labels_fit(m) := "part" if {
	count(object.get(m, "namespaceLabels", {})) > 0
	namespace != ""
	not is_object(object.get(input, "namespaceLabels", null))
}

namespace_labels_fit(m) := "full" if {
	count(object.get(m, "namespaceLabels", {})) > 0
	namespace != ""
	carries(input.namespaceLabels, m.namespaceLabels)
}

object_labels_fit(m) := "full" if count(object.get(m, "objectLabels", {})) == 0

object_labels_fit(m) := fit if {
	count(object.get(m, "objectLabels", {})) > 0
	fit := labels_fit(m.objectLabels)
}

# Loosening takes labels that are stored and that the request keeps.
labels_fit(wanted) := "full" if {
	carries(stored_labels, wanted)
	kept(wanted)
} else := "part" if {
	some labels in seen_labels
	carries(labels, wanted)
} else := "part" if count(seen_labels) == 0

kept(wanted) if carries(sent_labels, wanted)

kept(_) if not is_object(object.get(input, "object", null))

# The object that is there, or the pod of an exec.
stored_labels := labels_of("oldObject")

stored_labels := input.target.labels if not is_object(object.get(input, "oldObject", null))

sent_labels := labels_of("object")

# Lists and their like show no object, so that nothing is known of labels.
seen_labels contains stored_labels

seen_labels contains sent_labels

labels_of(which) := object.get(input[which], ["metadata", "labels"], {}) if is_object(input[which])

carries(labels, wanted) if {
	every key, pattern in wanted {
		globs.selects([pattern], label_values(labels, key))
	}
}

label_values(labels, key) := {value | value := labels[key]}
