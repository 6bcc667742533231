# METADATA
# title: The API server's own pages
# description: |
#   Profiles, metrics, flags and log files of the API server tell what runs in the cluster and how it is protected:
#   reading them is recorded in full.
# custom:
#   severity: low
#   ids: [T1613]
#   effect: record
#   record: RequestResponse
#   privileged: false
#   match:
#     - nonResourcePaths:
#         - /configz
#         - /debug
#         - /debug/*
#         - /flagz
#         - /logs
#         - /logs/*
#         - /metrics
#         - /metrics/*
#         - /statusz
#   remediation: None is needed.
package sallyport.rules.recon.server_internals

import data.sallyport.lib.requests

findings contains {"message": $"reads {requests.target}", "fields": []}
