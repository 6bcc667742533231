package sallyport.rules.secrets.consume_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.consume

writes(verb, spec) := given.request(verb, "deployments", {"podSpecs": [{"path": "spec.template.spec", "spec": spec}]})

variable := {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}

in_volume(volume) := {"volumes": [{"name": "tmp", "emptyDir": {}}, object.union({"name": "v"}, volume)]}

read := "gives a container the Secret db"

kubelet := "has the kubelet use the Secret db"

# Each place that can name a Secret, and what is said of it.
places := {
	"containers[0].env[1].valueFrom.secretKeyRef": [
		{"containers": [{"name": "a", "env": [{"name": "A", "value": "1"}, variable]}]},
		read,
	],
	"initContainers[0].envFrom[0].secretRef": [
		{"initContainers": [{"name": "a", "envFrom": [{"secretRef": {"name": "db"}}]}]},
		read,
	],
	"ephemeralContainers[0].env[0].valueFrom.secretKeyRef": [
		{"ephemeralContainers": [{"name": "a", "env": [variable]}]},
		read,
	],
	"volumes[1].secret": [in_volume({"secret": {"secretName": "db"}}), read],
	"volumes[1].projected.sources[0].secret": [
		in_volume({"projected": {"sources": [{"secret": {"name": "db"}}]}}),
		read,
	],
	"imagePullSecrets[0]": [{"imagePullSecrets": [{"name": "db"}]}, kubelet],
	"volumes[1].csi": [
		in_volume({"csi": {
			"driver": "vault.example.com",
			"volumeAttributes": {"secretProviderClass": "db"},
		}}),
		"gives a container what a secret store holds for db",
	],
	"volumes[1].csi.nodePublishSecretRef": [
		in_volume({"csi": {"driver": "nfs.csi.k8s.io", "nodePublishSecretRef": {"name": "db"}}}),
		kubelet,
	],
	"volumes[1].cephfs.secretRef": [in_volume({"cephfs": {"secretRef": {"name": "db"}}}), kubelet],
	"volumes[1].azureFile": [in_volume({"azureFile": {"secretName": "db"}}), kubelet],
}

test_each_place_that_names_a_secret_is_found if {
	every field, place in places {
		consume.findings == {{
			"message": place[1],
			"fields": [$"spec.template.spec.{field}"],
		}} with input as writes("create", place[0])
	}
}

test_a_store_is_found_whatever_it_is_told if {
	consume.findings == {{
		"message": "gives a container what a secret store holds for ",
		"fields": ["spec.template.spec.volumes[1].csi"],
	}} with input as writes("create", in_volume({"csi": {"driver": "secrets-store.csi.k8s.io"}}))
}

test_a_template_without_secrets_is_not_found if {
	consume.findings == set() with input as writes("create", {
		"containers": [{
			"name": "a",
			"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "db", "key": "a"}}}],
			"envFrom": [{"configMapRef": {"name": "db"}}],
		}],
		"volumes": [
			{"name": "v", "configMap": {"name": "db"}},
			{"name": "w", "csi": {"driver": "inline.example.com"}},
			{"name": "x", "projected": {"sources": [{"configMap": {"name": "db"}}]}},
		],
	})
}

stored(spec) := {"oldObject": {"spec": {"template": {"spec": spec}}}}

test_what_the_stored_template_refers_to_is_not_found_again if {
	every place in places {
		consume.findings == set() with input as object.union(writes("patch", place[0]), stored(place[0]))
	}
}

test_another_way_to_read_the_same_secret_is_not_found if {
	[before, _] := places["volumes[1].secret"]
	every field in ["containers[0].env[1].valueFrom.secretKeyRef", "initContainers[0].envFrom[0].secretRef"] {
		consume.findings == set() with input as object.union(writes("update", places[field][0]), stored(before))
	}
}

test_reading_what_only_the_kubelet_used_is_found if {
	before := object.union(places["imagePullSecrets[0]"][0], places["volumes[1].cephfs.secretRef"][0])
	found := consume.findings with input as object.union(
		writes("update", places["volumes[1].secret"][0]),
		stored(before),
	)
	count(found) == 1
}

test_another_secret_is_found if {
	found := consume.findings with input as object.union(
		writes("update", in_volume({"secret": {"secretName": "db"}})),
		stored(in_volume({"secret": {"secretName": "web"}})),
	)
	count(found) == 1
}

test_what_custom_resources_call_their_containers_is_looked_at if {
	env := {"name": "a", "env": [variable]}
	specs := {
		"steps[0]": {"steps": [env]},
		"sidecars[0]": {"sidecars": [env]},
		"container": {"container": env},
		"script": {"script": env},
		"stepTemplate": {"stepTemplate": env},
	}
	every at, spec in specs {
		consume.findings == {{
			"message": read,
			"fields": [$"spec.{at}.env[0].valueFrom.secretKeyRef"],
		}} with input as given.request("create", "tasks", {
			"request": {"resource": {"group": "tekton.dev"}},
			"podSpecs": [{"path": "spec", "spec": spec}],
		})
	}
}

test_a_secret_that_the_guardrails_name_is_not_found if {
	every pattern, n in {"shop/db": 0, "*/db": 0, "shop/*": 0, "pay/db": 1, "db": 1} {
		guardrails := {"rules": {"secrets/consume": {"params": {"secrets": [pattern]}}}}
		found := consume.findings with input as writes("create", places["volumes[1].secret"][0])
			with data.guardrails as guardrails
		count(found) == n
	}
}

test_pull_secrets_that_the_server_gives_a_pod_are_not_found if {
	pulls := places["imagePullSecrets[0]"][0]
	pod := given.request("create", "pods", {"podSpecs": [{"path": "spec", "spec": pulls}]})
	consume.findings == set() with input as object.union(pod, {"sent": {"spec": {}}})
	every sent in [{"spec": pulls}, null] {
		found := consume.findings with input as object.union(pod, {"sent": sent})
		count(found) == 1
	}
}

test_writes_of_status_and_scale_are_not_found if {
	every subresource in ["status", "scale"] {
		consume.findings == set() with input as object.union(
			writes("update", places["volumes[1].secret"][0]),
			{"request": {"subResource": subresource}},
		)
	}
}
