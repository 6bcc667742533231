# METADATA
# title: Services open to the outside
# description: |
#   A service of type LoadBalancer or NodePort is reached from outside the cluster, past its ingress and what
#   that checks.
# custom:
#   severity: medium
#   ids: [T1133, MS-TA9035, K05]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [services]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Use a service of type ClusterIP behind an Ingress or Gateway.
package sallyport.rules.network.exposure

findings contains {"message": $"is reached from outside as a {type}", "fields": ["spec.type"]} if {
	type := input.object.spec.type
	type in {"LoadBalancer", "NodePort"}
	type != object.get(input, ["oldObject", "spec", "type"], "ClusterIP")
}
