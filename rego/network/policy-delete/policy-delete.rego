# METADATA
# title: Deleting network policies
# description: |
#   Without the policy the pods that it stood before are open to whoever reaches them.
# custom:
#   severity: high
#   ids: [CIS-5.3.2, T1562.004, K05]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [networking.k8s.io, extensions, policy.networking.k8s.io]
#       resources: [networkpolicies, adminnetworkpolicies, baselineadminnetworkpolicies, clusternetworkpolicies]
#       operations: [DELETE]
#     - groups: [cilium.io, crd.projectcalico.org, projectcalico.org]
#       resources: [ciliumnetworkpolicies, ciliumclusterwidenetworkpolicies, networkpolicies, globalnetworkpolicies]
#       operations: [DELETE]
#   remediation: Change the policy to allow what is needed, or ask for approval.
package sallyport.rules.network.policy_delete

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
