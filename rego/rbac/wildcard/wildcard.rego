# METADATA
# title: Roles of all verbs or all resources
# description: |
#   `*` grants what exists and what will exist: bind and escalate among the verbs, Secrets and every future custom
#   resource among the resources. `*/scale` is a subresource of every resource.
# custom:
#   severity: critical
#   ids: [CIS-5.1.3, MS-TA9019, T1098.006, K02]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   needs: [object, roleRules]
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [roles, clusterroles, rolebindings, clusterrolebindings]
#       operations: [CREATE, UPDATE]
#   remediation: Name the verbs and the resources that the work needs.
package sallyport.rules.rbac.wildcard

import data.sallyport.lib.roles

findings contains {"message": $"grants all verbs on {roles.things(grant)}", "fields": [roles.part(grant, "verbs")]} if {
	some grant in roles.grants
	"*" in grant.rule.verbs
}

findings contains {
	"message": $"grants {roles.verbs(grant)} on {resource}",
	"fields": [roles.part(grant, "resources")],
} if {
	some grant in roles.grants
	some resource in grant.rule.resources
	any_resource(resource)
}

any_resource("*")

any_resource(resource) if startswith(resource, "*/")
