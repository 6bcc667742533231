# METADATA
# title: Cluster role bindings
# description: |
#   Granting a role in every namespace is how one stolen identity becomes the whole cluster.
# custom:
#   severity: critical
#   ids: [CIS-5.1.1, MS-TA9019, T1098.006, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [rbac.authorization.k8s.io]
#       resources: [clusterrolebindings]
#       subresources: [""]
#       verbs: [create, update, patch]
#   remediation: Ask an administrator for the binding, or bind the role in the one namespace that needs it.
package sallyport.rules.rbac.cluster_role_binding

findings contains {"message": message, "fields": fields} if {
	message := concat("", ["binds ", role, " in every namespace", to_whom])
	fields := [field | some field in ["roleRef", "subjects"]; input.object[field]]
}

default role := "a role"

role := concat(" ", [input.object.roleRef.kind, input.object.roleRef.name])

default to_whom := ""

to_whom := concat("", [" to ", concat(", ", names)]) if count(names) > 0

names := [concat(" ", [subject.kind, subject.name]) | some subject in input.object.subjects]
