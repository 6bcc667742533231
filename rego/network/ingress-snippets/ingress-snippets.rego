# METADATA
# title: Configuration snippets of an Ingress
# description: |
#   A snippet is written into the proxy's configuration as it stands: it reads the files of the controller,
#   its token among them, and with that every Secret of the cluster (CVE-2021-25742). A write of the status
#   stores annotations as well.
# custom:
#   severity: high
#   ids: [CVE-2021-25742, CVE-2025-1974, T1552.007, K05]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [networking.k8s.io, extensions]
#       resources: [ingresses]
#       subresources: ["", status]
#       operations: [CREATE, UPDATE]
#   remediation: Say it with the annotations that the controller has for it.
package sallyport.rules.network.ingress_snippets

findings contains {"message": $"writes into the proxy's configuration with {key}", "fields": [field]} if {
	some key, snippet in input.object.metadata.annotations
	is_snippet(key)
	snippet != object.get(input, ["oldObject", "metadata", "annotations", key], null)
	field := $"metadata.annotations['{key}']"
}

# nginx.ingress.kubernetes.io/configuration-snippet, nginx.org/server-snippets, haproxy.org/backend-config-snippet …
is_snippet(key) if contains(key, "snippet")

is_snippet("haproxy-ingress.github.io/config-backend")

is_snippet("ingress.kubernetes.io/config-backend")
