# METADATA
# title: Approving and signing certificates
# description: |
#   Whoever approves a request makes its certificate valid, and whoever writes its status is the signer: both hand out
#   any identity that the cluster's certificate authority vouches for.
# custom:
#   severity: critical
#   ids: [CIS-5.1.11, T1098, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [certificates.k8s.io]
#       resources: [certificatesigningrequests, podcertificaterequests]
#       subresources: [approval, status]
#       operations: [CREATE, UPDATE]
#   remediation: Ask an administrator to look at the request and to approve it.
package sallyport.rules.csr.approval

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
