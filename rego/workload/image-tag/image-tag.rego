# METADATA
# title: Tags of images
# description: |
#   `latest`, which is also what no tag means, is another image tomorrow: what was reviewed is not what runs,
#   and a roll back brings nothing back.
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
#     tags:
#       description: Tags that count as none; `latest` where the guardrails say nothing.
#       type: array
#   remediation: Name a version, or better a digest.
package sallyport.rules.workload.image_tag

import data.sallyport.lib.images
import data.sallyport.lib.params

findings contains {"message": $"runs {image.image}, which is another image tomorrow", "fields": [image.field]} if {
	some image in images.written
	not contains(image.image, "@")
	moving(image.image)
}

moving(image) if not images.tag(image)

moving(image) if images.tag(image) in params.get("workload/image-tag", "tags", ["latest"])
