# METADATA
# title: Reading a Secret
# description: |
#   What an agent reads goes to a model and into its transcript. The values of a Secret are replaced by a
#   placeholder; its keys, type and metadata stay, which is what debugging needs.
# custom:
#   severity: high
#   ids: [CIS-5.1.2, MS-TA9025, T1552.007, K03]
#   effect: mask
#   profiles: {approve-secrets: hold}
#   privileged: true
#   match:
#     - groups: [""]
#       resources: [secrets]
#   remediation: Work with the keys; ask for an approval with unmask where the value itself is needed.
package sallyport.rules.secrets.read

import data.sallyport.lib.requests
import data.sallyport.lib.secrets

findings contains {"message": $"reads {requests.target}", "fields": []} if one_by_name

findings contains {"message": $"{requests.deed} {requests.target}, as guardrails let it", "fields": []} if listed

masks contains secrets.mask if one_by_name

# Whatever is neither a list nor a write, so that no verb slips between the three rules of Secrets.
one_by_name if {
	input.request.operation == ""
	not input.request.verb in {"list", "watch"}
}

# By those whom `secrets/list` lets pass; it masks what they see.
listed if {
	input.request.verb in {"list", "watch"}
	secrets.may_list
}
