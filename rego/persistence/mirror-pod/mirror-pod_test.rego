package sallyport.rules.persistence.mirror_pod_test

import data.sallyport.lib.given
import data.sallyport.rules.persistence.mirror_pod

writes(annotations, before) := given.request("patch", "deployments", {
	"podSpecs": [{"path": "spec.template.spec", "spec": {}}],
	"object": {"spec": {"template": {"metadata": {"annotations": annotations}, "spec": {}}}},
	"oldObject": {"spec": {"template": {"metadata": {"annotations": before}, "spec": {}}}},
})

mirror := "kubernetes.io/config.mirror"

test_the_kubelets_annotations_are_found_in_a_template if {
	every key in [mirror, "kubernetes.io/config.source"] {
		mirror_pod.findings == {{
			"message": $"marks the pod as the kubelet's own with the annotation {key}",
			"fields": [$"spec.template.metadata.annotations['{key}']"],
		}} with input as writes({key: "file"}, {})
	}
}

test_they_are_found_in_a_pod if {
	found := mirror_pod.findings with input as given.request("create", "pods", {
		"podSpecs": [{"path": "spec", "spec": {}}],
		"object": {"metadata": {"annotations": {mirror: "x"}}, "spec": {}},
	})
	{f.fields[0] | some f in found} == {$"metadata.annotations['{mirror}']"}
}

test_other_annotations_and_what_stood_there_before_are_not_found if {
	mirror_pod.findings == set() with input as writes({"kubernetes.io/change-cause": "x"}, {})
	mirror_pod.findings == set() with input as writes({mirror: "x"}, {mirror: "x"})
}
