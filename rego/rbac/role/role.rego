# METADATA
# title: Roles and cluster roles
# description: |
#   Whoever writes a role decides what every identity bound to it may do, now and later; whoever deletes one takes
#   it from all of them.
# custom:
#   severity: high
#   ids: [CIS-5.1.1, CIS-5.1.3, CIS-5.1.8, MS-TA9019, T1098.006, K02]
#   effect: deny
#   profiles: {approve-secrets: hold}
#   privileged: true
#   match:
#     - groups: [rbac.authorization.k8s.io, authorization.openshift.io]
#       resources: [roles, clusterroles]
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Ask an administrator to install the role beforehand.
package sallyport.rules.rbac.role

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
