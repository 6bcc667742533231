# METADATA
# title: Certificate signing requests
# description: |
#   A signed request is a client certificate: an identity of one's own choice, which no one can revoke. A
#   PodCertificateRequest (KEP-4317) asks for one in the name of a pod's service account.
# custom:
#   severity: critical
#   ids: [CIS-5.1.11, T1098, K02]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [certificates.k8s.io]
#       resources: [certificatesigningrequests, podcertificaterequests]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Ask an administrator for the certificate, or use the identity that you have.
package sallyport.rules.csr.request

import data.sallyport.lib.requests

findings contains {"message": concat("", [requests.deed, " ", requests.target, signed_by]), "fields": fields}

default signed_by := ""

signed_by := concat("", [", to be signed by ", input.object.spec.signerName])

default fields := []

fields := ["spec.signerName"] if input.object.spec.signerName
