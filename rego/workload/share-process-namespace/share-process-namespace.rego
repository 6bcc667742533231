# METADATA
# title: Containers that see each other's processes
# description: |
#   Containers that share one process namespace read each other's environment and files through /proc: a
#   sidecar reads the secrets of the program beside it.
# custom:
#   severity: medium
#   ids: [T1611, T1552.007, SHARE_PS_NAMESPACE, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Leave shareProcessNamespace out, or use a debug container with --target for as long as it takes.
package sallyport.rules.workload.share_process_namespace

import data.sallyport.lib.pods

findings contains {"message": "the pod shares one process namespace among its containers", "fields": [field]} if {
	some pod in pods.written
	pod.spec.shareProcessNamespace == true
	not pods.before(pod.path).shareProcessNamespace
	field := $"{pod.path}.shareProcessNamespace"
}
