# METADATA
# title: CronJobs
# description: |
#   A CronJob starts what it says again and again, long after whoever made it is gone. What is stopped by
#   `suspend`, or changes nothing that runs, is not found.
# custom:
#   severity: high
#   ids: [MS-TA9014, MS-TA9017, T1053.007]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [batch]
#       resources: [cronjobs]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Use a Job, which runs once, or ask for approval of this schedule.
package sallyport.rules.persistence.cron_job

import data.sallyport.lib.requests

findings contains {"message": message, "fields": ["spec"]} if {
	not runs_as_before
	schedule := object.get(input, ["object", "spec", "schedule"], "a schedule that is not known")
	message := $"{requests.deed} {requests.target}, which starts at {schedule}"
}

runs_as_before if {
	input.object.spec == input.oldObject.spec
}

runs_as_before if {
	input.object.spec.suspend == true
	object.remove(input.object.spec, ["suspend"]) == object.remove(input.oldObject.spec, ["suspend"])
}
