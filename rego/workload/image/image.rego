# METADATA
# title: Registries of images
# description: |
#   An image is a program that somebody wrote. One from a registry that nobody vouches for runs with all that
#   the pod has. Until the guardrails name registries, every image that was not there before is found.
# custom:
#   severity: medium
#   ids: [MS-TA9002, T1204.003, K01]
#   effect: allow
#   profiles: {strict: hold}
#   effectWithParams: hold
#   privileged: true
#   needs: [object, oldObject]
#   podTemplates: true
#   parameters:
#     registries:
#       description: Registries, or repositories below them, whose images may run, as `registry.example.com/`.
#       type: array
#   remediation: Use an image of a registry that the guardrails name, or ask for approval.
package sallyport.rules.workload.image

import data.sallyport.lib.images
import data.sallyport.lib.params

findings contains {"message": message, "fields": [image.field]} if {
	some image in images.written
	not images.under(image.image, params.get("workload/image", "registries", []))
	message := $"runs {image.image}, of no registry that the guardrails name"
}
