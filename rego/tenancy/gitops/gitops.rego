# METADATA
# title: GitOps custom resources
# description: |
#   What Argo CD, Flux, Fleet, Config Sync, kapp-controller and the Helm controller of K3s install they install with
#   their own rights, which are usually the cluster's: whoever points one of them at a repository needs no other way
#   in, and whoever suspends one has the cluster drift unseen.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/
#   - ref: https://fluxcd.io/flux/components/
#   - ref: https://fleet.rancher.io/
#   - ref: https://docs.k3s.io/add-ons/helm
#   - ref: https://carvel.dev/kapp-controller/
#   - ref: https://cloud.google.com/kubernetes-engine/config-sync/docs
# custom:
#   severity: critical
#   ids: [T1562, T1072]
#   effect: deny
#   privileged: true
#   match:
#     - groups: [argoproj.io]
#       resources: [applications, applicationsets, appprojects]
#       operations: [CREATE, UPDATE, DELETE]
#     - groups:
#         - configsync.gke.io
#         - fleet.cattle.io
#         - fluxcd.controlplane.io
#         - helm.cattle.io
#         - helm.fluxcd.io
#         - helm.toolkit.fluxcd.io
#         - image.toolkit.fluxcd.io
#         - kappctrl.k14s.io
#         - kustomize.toolkit.fluxcd.io
#         - notification.toolkit.fluxcd.io
#         - packaging.carvel.dev
#         - source.extensions.fluxcd.io
#         - source.toolkit.fluxcd.io
#       operations: [CREATE, UPDATE, DELETE]
#   remediation: Change the repository that is installed from, where the change is reviewed.
package sallyport.rules.tenancy.gitops

import data.sallyport.lib.requests

findings contains {"message": $"{requests.deed} {requests.target}", "fields": []}
