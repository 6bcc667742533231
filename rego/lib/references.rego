# METADATA
# title: Which Secrets a pod template refers to
# description: |
#   Where PodSpec (core/v1) can name a Secret. The `use` of one is `read` by the containers, `store` for what a
#   driver fetches from elsewhere, or `kubelet`, which pulls images and mounts volumes with it.
package sallyport.lib.references

# METADATA
# description: |
#   Each reference of a template: the `name` of the Secret (of the SecretProviderClass, for a store), its `use`,
#   and the `field` that says so, below the template.
of(spec) := ((variables(held) | environments(held)) | (mounted(spec) | projected(spec))) | (other | pulling(spec)) if {
	held := containers_of(spec)
	other := (stores(spec) | drivers(spec)) | azure_files(spec)
}

# As `pods.containers` knows them (rego/lib/pods.rego), here of a stored template as well.
containers_of(spec) := array.concat(listed(spec, lists), single(spec)) if {
	contains(input.request.resource.group, ".")
} else := listed(spec, ["containers", "initContainers", "ephemeralContainers"])

lists := ["containers", "initContainers", "ephemeralContainers", "steps", "sidecars"]

listed(spec, kinds) := [{"at": at, "container": container} |
	some kind in kinds
	some i, container in spec[kind]
	at := $"{kind}[{i}]"
]

single(spec) := [{"at": kind, "container": container} |
	some kind in ["container", "script", "stepTemplate"]
	container := spec[kind]
]

variables(held) := {reference("read", source, "name", field) |
	some entry in held
	some i, variable in entry.container.env
	source := variable.valueFrom.secretKeyRef
	field := $"{entry.at}.env[{i}].valueFrom.secretKeyRef"
}

environments(held) := {reference("read", source.secretRef, "name", field) |
	some entry in held
	some i, source in entry.container.envFrom
	source.secretRef
	field := $"{entry.at}.envFrom[{i}].secretRef"
}

mounted(spec) := {reference("read", volume.secret, "secretName", $"volumes[{i}].secret") |
	some i, volume in spec.volumes
	volume.secret
}

projected(spec) := {reference("read", source.secret, "name", $"volumes[{i}].projected.sources[{j}].secret") |
	some i, volume in spec.volumes
	some j, source in volume.projected.sources
	source.secret
}

pulling(spec) := {reference("kubelet", entry, "name", $"imagePullSecrets[{i}]") |
	some i, entry in spec.imagePullSecrets
}

# secrets-store.csi.k8s.io, its kin of GKE and others; what they mount is in no Secret.
stores(spec) := {reference("store", attributes, "secretProviderClass", $"volumes[{i}].csi") |
	some i, volume in spec.volumes
	attributes := object.get(volume.csi, "volumeAttributes", {})
	is_store(volume.csi.driver, attributes)
}

drivers(spec) := {reference("kubelet", source[key], "name", $"volumes[{i}].{kind}.{key}") |
	some i, volume in spec.volumes
	some kind, source in volume
	some key in ["secretRef", "nodePublishSecretRef"]
	source[key]
}

azure_files(spec) := {reference("kubelet", volume.azureFile, "secretName", $"volumes[{i}].azureFile") |
	some i, volume in spec.volumes
	volume.azureFile
}

is_store(driver, _) if contains(driver, "secret")

is_store(_, attributes) if attributes.secretProviderClass

reference(use, source, key, field) := {"use": use, "name": object.get(source, key, ""), "field": field}
