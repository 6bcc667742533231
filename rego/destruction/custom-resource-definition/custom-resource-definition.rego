# METADATA
# title: Deleting resource definitions
# description: |
#   Every object of the kind, in every namespace, goes with its definition.
# custom:
#   severity: critical
#   ids: [MS-TA9038, T1485]
#   effect: hold
#   privileged: true
#   match:
#     - groups: [apiextensions.k8s.io]
#       resources: [customresourcedefinitions]
#       operations: [DELETE]
#   remediation: Delete single objects by their names, or have an administrator uninstall the operator.
package sallyport.rules.destruction.custom_resource_definition

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}, and every object of the kind", "fields": []}
