# METADATA
# title: Endpoints by hand
# description: |
#   Endpoints say where the traffic of a service goes. Whoever writes them sends it to an address of choice,
#   past network policies and into other namespaces (CVE-2021-25740).
# custom:
#   severity: high
#   ids: [CVE-2021-25740, T1557, K05]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [endpoints]
#       operations: [CREATE, UPDATE, DELETE]
#     - groups: [discovery.k8s.io]
#       resources: [endpointslices]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Let the service's selector find its pods.
package sallyport.rules.network.endpoints

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
