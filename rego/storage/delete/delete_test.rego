package sallyport.rules.storage.delete_test

import data.sallyport.lib.given
import data.sallyport.rules.storage.delete

test_deleting_claims_volumes_and_snapshots_is_found if {
	every resource in ["persistentvolumeclaims", "persistentvolumes", "volumesnapshots", "volumesnapshotcontents"] {
		delete.findings == {{
			"message": $"deletes {resource} shop/db, with what is stored there",
			"fields": [],
		}} with input as given.request("delete", resource, {})
	}
}
