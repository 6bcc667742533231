# METADATA
# title: Images without a digest
# description: |
#   Whoever may push to the registry decides what a tag means. A digest means one image.
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
#     exempt:
#       description: Registries, or repositories below them, whose images need no digest.
#       type: array
#   remediation: Name the image by its digest, as `registry.example.com/app@sha256:…`.
package sallyport.rules.workload.image_digest

import data.sallyport.lib.images
import data.sallyport.lib.params

findings contains {"message": $"runs {image.image}, which has no digest", "fields": [image.field]} if {
	some image in images.written
	not contains(image.image, "@sha")
	not images.under(image.image, params.get("workload/image-digest", "exempt", []))
}
