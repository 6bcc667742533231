package sallyport.rules.pod_security.volume_types_test

import data.sallyport.lib.given
import data.sallyport.rules.pod_security.volume_types

of(source) := {"volumes": [{"name": "v", source: {}}]}

test_what_the_standard_forbids_is_found if {
	every source in [
		"hostPath",
		"gcePersistentDisk",
		"awsElasticBlockStore",
		"gitRepo",
		"nfs",
		"iscsi",
		"glusterfs",
		"rbd",
		"flexVolume",
		"cinder",
		"cephfs",
		"flocker",
		"fc",
		"azureFile",
		"vsphereVolume",
		"quobyte",
		"azureDisk",
		"portworxVolume",
		"photonPersistentDisk",
		"scaleIO",
		"storageos",
		"ofTomorrow",
	] {
		findings := volume_types.findings with input as given.pod("create", of(source))
		findings == {{"message": $"volume v is of type {source}", "fields": [$"spec.volumes[0].{source}"]}}
	}
}

test_what_the_standard_allows_is_not_found if {
	every source in [
		"configMap",
		"csi",
		"downwardAPI",
		"emptyDir",
		"ephemeral",
		"image",
		"persistentVolumeClaim",
		"projected",
		"secret",
	] {
		volume_types.findings == set() with input as given.pod("create", of(source))
	}
	volume_types.findings == set() with input as given.pod("create", {"volumes": [{"name": "v", "nfs": null}]})
}

test_a_template_that_changes_is_judged_whole if {
	volume_types.findings == set() with input as given.pod_update(of("nfs"), of("nfs"))
	found := volume_types.findings with input as given.pod_update(
		object.union(of("nfs"), {"dnsPolicy": "Default"}),
		of("nfs"),
	)
	count(found) == 1
}
