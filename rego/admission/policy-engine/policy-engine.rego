# METADATA
# title: Policies of admission engines
# description: |
#   What Gatekeeper, Kyverno, Kubewarden, Sigstore's policy controller and OpenShift enforce is written in custom
#   resources: a policy that is deleted, or an exception that is added, is a check that nobody makes any more.
# custom:
#   severity: critical
#   ids: [MS-TA9015, T1562.001]
#   effect: deny
#   privileged: true
#   match:
#     - groups:
#         - config.gatekeeper.sh
#         - constraints.gatekeeper.sh
#         - expansion.gatekeeper.sh
#         - externaldata.gatekeeper.sh
#         - kyverno.io
#         - mutations.gatekeeper.sh
#         - policies.kubewarden.io
#         - policies.kyverno.io
#         - policy.sigstore.dev
#         - templates.gatekeeper.sh
#       operations: [CREATE, UPDATE, DELETE]
#     - groups: [security.openshift.io]
#       resources: [securitycontextconstraints]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask whoever keeps the cluster's policies to make the change.
package sallyport.rules.admission.policy_engine

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
