# METADATA
# title: External IPs of services
# description: |
#   A service answers to whatever address its `externalIPs` name, on every node: to that of another service,
#   of a registry, of the metadata server. Nothing checks whose the address is (CVE-2020-8554).
# custom:
#   severity: high
#   ids: [CVE-2020-8554, T1557, MS-TA9035, K05]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [services]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Leave `externalIPs` out; an Ingress or Gateway brings traffic in.
package sallyport.rules.network.external_ips

findings contains {"message": $"answers to the address {ip}", "fields": [$"spec.externalIPs[{i}]"]} if {
	some i, ip in input.object.spec.externalIPs
	not ip in object.get(input, ["oldObject", "spec", "externalIPs"], [])
}
