# METADATA
# title: Reading logs
# description: |
#   Logs are what debugging starts with, and often hold what programs should not have written: they are recorded in
#   full.
# custom:
#   severity: low
#   ids: [T1613]
#   effect: record
#   record: RequestResponse
#   privileged: false
#   match:
#     - groups: [""]
#       resources: [pods]
#       subresources: [log]
#   remediation: None is needed.
package sallyport.rules.recon.pod_log

import data.sallyport.lib.requests

findings contains {"message": $"reads the log of {requests.parent}", "fields": []}
