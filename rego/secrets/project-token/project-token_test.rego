package sallyport.rules.secrets.project_token_test

import data.sallyport.lib.given
import data.sallyport.rules.secrets.project_token

volume(name, token) := {"volumes": [
	{"name": "tmp", "emptyDir": {}},
	{"name": name, "projected": {"sources": [{"configMap": {"name": "ca"}}, {"serviceAccountToken": token}]}},
]}

writes(spec) := given.request("patch", "pods", {"podSpecs": [{"path": "spec", "spec": spec}]})

test_a_projected_token_is_found_with_its_audience if {
	every audience, said in {"sts.example.com": "sts.example.com", "": "the API server"} {
		project_token.findings == {{
			"message": $"projects a service account token for {said}",
			"fields": ["spec.volumes[1].projected.sources[1].serviceAccountToken"],
		}} with input as writes(volume("token", {"path": "token", "audience": audience}))
	}
}

test_the_volume_that_the_server_adds_is_not_found if {
	added := {"path": "token", "expirationSeconds": 3607}
	project_token.findings == set() with input as writes(volume("kube-api-access-x4z5k", added))
}

test_the_name_of_that_volume_hides_no_other_audience if {
	token := {"path": "token", "audience": "vault"}
	found := project_token.findings with input as writes(volume("kube-api-access-x4z5k", token))
	count(found) == 1
}

test_a_token_that_was_projected_before_is_not_found_again_and_another_audience_is if {
	stored := {"oldObject": {"spec": volume("old", {"path": "t", "audience": "vault"})}}
	project_token.findings == set() with input as object.union(
		writes(volume("new", {"path": "t", "audience": "vault"})),
		stored,
	)
	found := project_token.findings with input as object.union(
		writes(volume("new", {"path": "t", "audience": "sts"})),
		stored,
	)
	count(found) == 1
}

test_a_projected_volume_without_a_token_is_not_found if {
	project_token.findings == set() with input as writes({"volumes": [{
		"name": "ca",
		"projected": {"sources": [{"configMap": {"name": "ca"}}, {"downwardAPI": {}}]},
	}]})
}

certificate(signer) := {"volumes": [{
	"name": "cert",
	"projected": {"sources": [{"configMap": {"name": "ca"}}, {"podCertificate": signer}]},
}]}

test_a_projected_certificate_is_found_with_its_signer if {
	every said, source in {"example.com/pods": {"signerName": "example.com/pods"}, "a signer": {"keyType": "ED25519"}} {
		project_token.findings == {{
			"message": $"has the kubelet get a certificate of the pod from {said}",
			"fields": ["spec.volumes[0].projected.sources[1].podCertificate"],
		}} with input as writes(certificate(source))
	}
}

test_a_certificate_that_was_projected_before_is_not_found_again_and_one_of_another_signer_is if {
	stored := {"oldObject": {"spec": certificate({"signerName": "example.com/pods"})}}
	project_token.findings == set() with input as object.union(
		writes(certificate({"signerName": "example.com/pods", "keyType": "RSA3072"})),
		stored,
	)
	found := project_token.findings with input as object.union(
		writes(certificate({"signerName": "example.com/admins"})),
		stored,
	)
	count(found) == 1
}
