# METADATA
# title: DaemonSets
# description: |
#   A DaemonSet runs on every node, and on each node that joins: what it brings in stays. Restarting one, as
#   `kubectl rollout restart` does, changes nothing that it runs.
# custom:
#   severity: high
#   ids: [MS-TA9014, T1543.005, T1610]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [apps, extensions]
#       resources: [daemonsets]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Use a Deployment, or have an administrator install the DaemonSet.
package sallyport.rules.persistence.daemon_set

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}, which runs on every node", "fields": ["spec"]} if {
	not runs_as_before
}

runs_as_before if what_runs(input.object.spec) == what_runs(input.oldObject.spec)

what_runs(spec) := {"annotations": kept, "rest": json.remove(spec, ["template/metadata/annotations"])} if {
	annotations := object.get(spec, ["template", "metadata", "annotations"], {})
	kept := object.remove(annotations, ["kubectl.kubernetes.io/restartedAt"])
}
