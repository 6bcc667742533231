# METADATA
# title: Grants of approving and signing
# description: |
#   Whoever may approve or sign for a signer, or write approvals, gives out certificates in anybody's name.
# custom:
#   severity: critical
#   ids: [CIS-5.1.11, T1098, K02]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   needs: [object, roleRules]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [roles, clusterroles, rolebindings, clusterrolebindings]
#       operations: [CREATE, UPDATE]
#   remediation: Leave approving and signing to the cluster's own controllers and to administrators.
package sallyport.rules.csr.signer

import data.sallyport.lib.roles

findings contains {"message": $"grants {verb} on {resource}", "fields": [roles.part(grant, "resources")]} if {
	some grant in roles.grants
	some group in grant.rule.apiGroups
	group in {"certificates.k8s.io", "*"}
	some resource in grant.rule.resources
	some verb in grant.rule.verbs
	verb in powers[resource]
}

powers := {
	"signers": {"approve", "sign"},
	"certificatesigningrequests/approval": {"update", "patch"},
	"certificatesigningrequests/status": {"update", "patch"},
}
