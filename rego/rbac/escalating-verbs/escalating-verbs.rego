# METADATA
# title: Grants of bind, escalate and impersonate
# description: |
#   Each of these verbs steps around what RBAC checks of whoever writes roles: bind hands out roles that one does not
#   hold, escalate writes roles beyond one's own rights, impersonate acts as somebody else. Constrained impersonation
#   (KEP-5284, on from Kubernetes 1.36) spells it `impersonate:user-info` and `impersonate-on:user-info:get`.
# custom:
#   severity: critical
#   ids: [CIS-5.1.8, MS-TA9019, T1098.006, K02]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   needs: [object, roleRules]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [roles, clusterroles, rolebindings, clusterrolebindings]
#       operations: [CREATE, UPDATE]
#   remediation: Name the roles, or the identities, that are needed, and ask an administrator to bind them.
package sallyport.rules.rbac.escalating_verbs

import data.sallyport.lib.roles

findings contains {
	"message": $"grants {verb} on {roles.things(grant)}",
	"fields": [roles.part(grant, "verbs")],
} if {
	some grant in roles.grants
	some verb in grant.rule.verbs
	escalates(verb)
}

escalates(verb) if verb in {"bind", "escalate"}

escalates(verb) if startswith(verb, "impersonate")
