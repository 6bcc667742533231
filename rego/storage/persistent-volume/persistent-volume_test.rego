package sallyport.rules.storage.persistent_volume_test

import data.sallyport.lib.given
import data.sallyport.rules.storage.persistent_volume

writes(verb, spec, before) := given.request(verb, "persistentvolumes", {
	"request": {"namespace": ""},
	"object": {"spec": spec},
	"oldObject": before,
})

test_each_source_of_a_node_or_a_driver_is_found if {
	sources := {
		"hostPath": [{"path": "/"}, "/"],
		"local": [{"path": "/mnt/a"}, "/mnt/a"],
		"csi": [{"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}, "ebs.csi.aws.com vol-1"],
		"awsElasticBlockStore": [{"volumeID": "vol-1"}, "vol-1"],
	}
	every kind, source in sources {
		every verb in ["create", "patch", "update"] {
			persistent_volume.findings == {{
				"message": $"makes a volume of {kind} {source[1]}",
				"fields": [$"spec.{kind}"],
			}} with input as writes(verb, {kind: source[0], "capacity": {}}, null)
		}
	}
}

test_network_storage_and_what_stood_there_before_are_not_found if {
	persistent_volume.findings == set() with input as writes("create", {"nfs": {"server": "a", "path": "/"}}, null)
	stored := {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}}
	persistent_volume.findings == set() with input as writes("patch", stored, {"spec": stored})
}

test_another_disk_than_before_is_found if {
	found := persistent_volume.findings with input as writes(
		"update",
		{"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-2"}},
		{"spec": {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}}},
	)
	count(found) == 1
}
