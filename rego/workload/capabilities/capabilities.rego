# METADATA
# title: Added capabilities
# description: |
#   A capability beyond those that container runtimes give by default is a part of root's power over the node:
#   SYS_ADMIN mounts, SYS_MODULE loads kernel modules, SYS_PTRACE enters processes, NET_ADMIN and NET_RAW
#   rewrite and forge traffic. The list is that of the Pod Security Standards.
# custom:
#   severity: high
#   ids: [CIS-5.2.8, CIS-5.2.9, T1611, T1557, CE_MODULE_LOAD, CE_SYS_PTRACE, K01]
#   effect: deny
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   remediation: Drop ALL and add NET_BIND_SERVICE alone where a port below 1024 is needed.
package sallyport.rules.workload.capabilities

import data.sallyport.lib.pod_security
import data.sallyport.lib.pods

findings contains {"message": message, "fields": [field]} if {
	some {"context": context, "index": i, "name": name} in pod_security.added_capabilities
	not name in object.get(context.before, ["capabilities", "add"], [])
	field := $"{context.path}.capabilities.add[{i}]"
	message := $"{pods.owner(context)} adds the capability {name}"
}
