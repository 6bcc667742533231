# METADATA
# title: Runtime classes
# description: |
#   The runtime class decides what stands between a container and the kernel of its node: leaving a sandbox
#   (gVisor, Kata) is as telling as choosing another.
# custom:
#   severity: medium
#   ids: [T1611, K01]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     classes:
#       description: Runtime classes that templates may name; globs.
#       type: array
#   remediation: Leave `runtimeClassName` as it is.
package sallyport.rules.scheduling.runtime_class

import data.sallyport.lib.params
import data.sallyport.lib.pods

findings contains {"message": $"runs in the runtime class {name}", "fields": [$"{pod.path}.runtimeClassName"]} if {
	some pod in pods.written
	name := pod.spec.runtimeClassName
	not name in {"", null, class_before(pod)}
	not params.names("scheduling/runtime-class", "classes", name)
}

findings contains {"message": message, "fields": [$"{pod.path}.runtimeClassName"]} if {
	some pod in pods.written
	object.get(pod.spec, "runtimeClassName", "") in {"", null}
	class_before(pod) != ""
	message := $"leaves the runtime class {class_before(pod)} for the node's own"
}

class_before(pod) := object.get(pods.before(pod.path), "runtimeClassName", "")
