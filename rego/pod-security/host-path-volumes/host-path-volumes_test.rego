package sallyport.rules.pod_security.host_path_volumes_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.host_path_volumes

spec(volume) := {"volumes": [object.union({"name": "v"}, volume)]}

host_path := spec({"hostPath": {"path": "/var/log"}})

test_what_the_standard_forbids_is_found if {
	findings := host_path_volumes.findings with input as given.pod("create", host_path)
	findings == {{"message": "volume v is a directory of the node", "fields": ["spec.volumes[0].hostPath"]}}
}

test_what_the_standard_allows_is_not_found if {
	every volume in [{"emptyDir": {}}, {"hostPath": null}, {"nfs": {"server": "s", "path": "/"}}] {
		host_path_volumes.findings == set() with input as given.pod("create", spec(volume))
	}
}

test_a_template_that_changes_is_judged_whole if {
	host_path_volumes.findings == set() with input as given.pod_update(host_path, host_path)
	found := host_path_volumes.findings with input as given.pod_update(host_path, spec({"emptyDir": {}}))
	count(found) == 1
}
