# METADATA
# title: Persistent volumes of a node or a driver
# description: |
#   A persistent volume gives claims a directory of a node, or any disk that a storage driver can reach,
#   whosever it is. Pods then mount it without a word of hostPath in them.
# custom:
#   severity: high
#   ids: [CIS-5.1.9, T1611, CE_PRIV_MOUNT]
#   effect: hold
#   privileged: true
#   needs: [object, oldObject]
#   match:
#     - groups: [""]
#       resources: [persistentvolumes]
#       subresources: [""]
#       operations: [CREATE, UPDATE]
#   remediation: Claim storage with a PersistentVolumeClaim and a StorageClass.
package sallyport.rules.storage.persistent_volume

findings contains {"message": $"makes a volume of {kind} {named(source)}", "fields": [$"spec.{kind}"]} if {
	some kind in sources
	source := input.object.spec[kind]
	source != object.get(input, ["oldObject", "spec", kind], null)
}

# Those of a node, of a driver, and those that the server hands on to a driver (k8s.io/csi-translation-lib).
sources := {
	"awsElasticBlockStore",
	"azureDisk",
	"azureFile",
	"cinder",
	"csi",
	"flexVolume",
	"gcePersistentDisk",
	"hostPath",
	"local",
	"portworxVolume",
	"vsphereVolume",
}

named(source) := concat(" ", [text |
	some key in ["driver", "path", "volumeHandle", "volumeID", "pdName", "diskURI", "shareName", "volumePath"]
	text := source[key]
	is_string(text)
])
