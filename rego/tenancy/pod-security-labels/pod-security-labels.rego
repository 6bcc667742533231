# METADATA
# title: Pod security labels of namespaces
# description: |
#   The labels pod-security.kubernetes.io/* say which pods a namespace admits. Changing or removing one, or admitting
#   more than the level restricted in a new namespace, opens it. A write of status or finalize changes labels as well.
# custom:
#   severity: critical
#   ids: [CIS-5.2.1, T1562]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [namespaces]
#       operations: [CREATE, UPDATE]
#   remediation: Ask whoever keeps the cluster's namespaces to make the change.
package sallyport.rules.tenancy.pod_security_labels

import data.sallyport.lib.objects
import data.sallyport.lib.requests

findings contains {"message": $"sets {label} of {requests.target} to {value}", "fields": [field(label)]} if {
	some label, value in input.object.metadata.labels
	startswith(label, prefix)
	not value in {null, "restricted", "latest"}
	value != objects.before(["metadata", "labels", label])
}

findings contains {"message": $"takes {label} from {requests.target}", "fields": [field(label)]} if {
	some label in removed
	startswith(label, prefix)
}

# Of a merge patch whose outcome is not known.
removed contains label if {
	some label, value in input.object.metadata.labels
	value == null
}

removed contains label if {
	is_object(input.object)
	some label, _ in input.oldObject.metadata.labels
	not input.object.metadata.labels[label]
}

prefix := "pod-security.kubernetes.io/"

field(label) := $"metadata.labels['{label}']"
