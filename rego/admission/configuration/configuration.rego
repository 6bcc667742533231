# METADATA
# title: Admission configuration
# description: |
#   Whoever configures admission, or serves an API in the cluster's stead, is sent every object whole: each Secret,
#   unmasked. They may change what others write, and take away the checks that the cluster relies on.
# custom:
#   severity: critical
#   ids: [CIS-5.1.12, MS-TA9015, T1562.001]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [admissionregistration.k8s.io]
#       resources:
#         - mutatingwebhookconfigurations
#         - validatingwebhookconfigurations
#         - mutatingadmissionpolicies
#         - mutatingadmissionpolicybindings
#         - validatingadmissionpolicies
#         - validatingadmissionpolicybindings
#       operations: [CREATE, UPDATE, DELETE]
#     - groups: [apiregistration.k8s.io]
#       resources: [apiservices]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask an administrator of the cluster to make the change.
package sallyport.rules.admission.configuration

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
