# METADATA
# title: The configuration of the cluster's DNS
# description: |
#   Whoever writes the ConfigMap of CoreDNS answers every name that a pod asks for: its database's, its
#   registry's, its identity provider's.
# custom:
#   severity: critical
#   ids: [T1557, MS-TA9035, K05]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [configmaps]
#       operations: [CREATE]
#       needs: [object]
#     - groups: [""]
#       resources: [configmaps]
#       operations: [UPDATE, DELETE]
#   parameters:
#     names:
#       description: ConfigMaps beside those of CoreDNS and kube-dns; `namespace/name`.
#       type: array
#   remediation: Have an administrator change the DNS.
package sallyport.rules.network.cluster_dns

import data.sallyport.lib.params
import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}, which the cluster's DNS reads", "fields": []} if {
	is_dns($"{input.request.namespace}/{input.request.name}")
}

is_dns(name) if name in {
	"kube-system/coredns",
	"kube-system/coredns-custom",
	"kube-system/kube-dns",
	"kube-system/node-local-dns",
}

is_dns(name) if params.names("network/cluster-dns", "names", name)

# A collection holds them too.
is_dns("kube-system/") if input.request.verb == "deletecollection"
