# METADATA
# title: Writing the status of services
# description: |
#   The address in a service's `status.loadBalancer` is taken on by every node, as those of `externalIPs`
#   are: whoever patches it draws the traffic for any address (CVE-2020-8554).
# custom:
#   severity: high
#   ids: [CVE-2020-8554, T1557, K05]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [services]
#       subresources: [status]
#       operations: [CREATE, UPDATE]
#   remediation: Leave it to the controller of load balancers.
package sallyport.rules.network.service_status

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} the status of {requests.parent}{answering}", "fields": fields}

addresses contains address if {
	some entry in input.object.status.loadBalancer.ingress
	some key in ["ip", "hostname"]
	address := entry[key]
}

default fields := []

fields := ["status.loadBalancer.ingress"] if count(addresses) > 0

default answering := ""

answering := $", which then answers to {concat(", ", sort(addresses))}" if count(addresses) > 0
