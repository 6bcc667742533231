-- What counts as a privileged operation, by verb, group, resource, subresource, namespace and name, one line a family of
-- the guardrail library's own list of dangerous operations. It is independent of the bundle in force: a rule that was
-- removed shows as an `unguarded` operation, and not as nothing. What only a body tells (a hostPath in a pod template)
-- is privileged by its finding instead (payload.findings[].privileged).
--
-- A list is matched where it holds '*' or the value; '' in `groups` is the core group, in `subresources` none. Paths
-- are matched with LIKE, '*' standing for any text, and only where a line names one; `recon` is non-resource URLs.
CREATE OR REPLACE VIEW privileged_catalogue AS
SELECT family, verbs, groups, resources, subresources, namespaces, names, paths
FROM values(
    'family String, verbs Array(String), groups Array(String), resources Array(String), subresources Array(String), namespaces Array(String), names Array(String), paths Array(String)',
    ('exec, attach, port-forward, proxy', ['*'], [''], ['pods'], ['exec', 'attach', 'portforward', 'proxy'], ['*'], ['*'], ['*']),
    ('exec, attach, port-forward, proxy', ['*'], [''], ['services'], ['proxy'], ['*'], ['*'], ['*']),
    ('ephemeral containers', ['create', 'update', 'patch'], [''], ['pods'], ['ephemeralcontainers'], ['*'], ['*'], ['*']),
    ('node proxy', ['*'], [''], ['nodes'], ['proxy'], ['*'], ['*'], ['*']),
    ('secrets', ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['secrets'], [''], ['*'], ['*'], ['*']),
    ('service account tokens', ['create'], [''], ['serviceaccounts'], ['token'], ['*'], ['*'], ['*']),
    ('RBAC', ['create', 'update', 'patch', 'delete', 'deletecollection', 'bind', 'escalate'], ['rbac.authorization.k8s.io'], ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'], [''], ['*'], ['*'], ['*']),
    ('impersonation', ['impersonate'], ['*'], ['*'], ['*'], ['*'], ['*'], ['*']),
    ('certificate signing requests', ['create'], ['certificates.k8s.io'], ['certificatesigningrequests'], [''], ['*'], ['*'], ['*']),
    ('certificate signing requests', ['update', 'patch'], ['certificates.k8s.io'], ['certificatesigningrequests'], ['approval', 'status'], ['*'], ['*'], ['*']),
    ('certificate signing requests', ['approve', 'sign'], ['certificates.k8s.io'], ['signers'], ['*'], ['*'], ['*'], ['*']),
    ('admission and API machinery', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['admissionregistration.k8s.io'], ['*'], ['*'], ['*'], ['*'], ['*']),
    ('admission and API machinery', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['apiregistration.k8s.io'], ['apiservices'], ['*'], ['*'], ['*'], ['*']),
    ('admission and API machinery', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['apiextensions.k8s.io'], ['customresourcedefinitions'], ['*'], ['*'], ['*'], ['*']),
    ('system namespaces', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['*'], ['*'], ['*'], ['kube-system', 'kube-public', 'kube-node-lease'], ['*'], ['*']),
    ('persistence', ['create', 'update', 'patch'], ['batch'], ['cronjobs'], [''], ['*'], ['*'], ['*']),
    ('persistence', ['create', 'update', 'patch'], ['apps'], ['daemonsets'], [''], ['*'], ['*'], ['*']),
    ('nodes', ['create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['nodes'], ['', 'status'], ['*'], ['*'], ['*']),
    ('nodes', ['create'], [''], ['pods'], ['eviction', 'binding'], ['*'], ['*'], ['*']),
    ('nodes', ['create'], [''], ['bindings'], [''], ['*'], ['*'], ['*']),
    ('storage', ['create', 'delete', 'deletecollection'], [''], ['persistentvolumes'], [''], ['*'], ['*'], ['*']),
    ('storage', ['update', 'patch'], [''], ['persistentvolumes'], [''], ['*'], ['*'], ['*']),
    ('storage', ['delete', 'deletecollection'], [''], ['persistentvolumeclaims'], [''], ['*'], ['*'], ['*']),
    ('storage', ['delete', 'deletecollection'], ['snapshot.storage.k8s.io'], ['*'], [''], ['*'], ['*'], ['*']),
    ('destruction', ['delete', 'deletecollection'], [''], ['namespaces'], [''], ['*'], ['*'], ['*']),
    ('destruction', ['update'], [''], ['namespaces'], ['finalize'], ['*'], ['*'], ['*']),
    ('destruction', ['deletecollection'], ['*'], ['*'], ['*'], ['*'], ['*'], ['*']),
    ('network', ['delete', 'deletecollection'], ['networking.k8s.io'], ['networkpolicies'], [''], ['*'], ['*'], ['*']),
    ('network', ['update', 'patch'], [''], ['services'], ['status'], ['*'], ['*'], ['*']),
    ('network', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['discovery.k8s.io'], ['endpointslices'], [''], ['*'], ['*'], ['*']),
    ('network', ['create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['endpoints'], [''], ['*'], ['*'], ['*']),
    ('network', ['create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['configmaps'], [''], ['kube-system'], ['coredns'], ['*']),
    ('cloud identity', ['create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['configmaps'], [''], ['kube-system'], ['aws-auth'], ['*']),
    ('evidence', ['delete', 'deletecollection'], ['', 'events.k8s.io'], ['events'], [''], ['*'], ['*'], ['*']),
    ('tenancy', ['create', 'update', 'patch', 'delete', 'deletecollection'], [''], ['resourcequotas', 'limitranges'], [''], ['*'], ['*'], ['*']),
    ('tenancy', ['update', 'patch'], [''], ['namespaces'], [''], ['*'], ['*'], ['*']),
    ('tenancy', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['coordination.k8s.io'], ['leases'], [''], ['*'], ['*'], ['*']),
    ('tenancy', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['policy'], ['poddisruptionbudgets'], [''], ['*'], ['*'], ['*']),
    ('tenancy', ['create', 'update', 'patch', 'delete', 'deletecollection'], ['argoproj.io', 'kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io', 'source.toolkit.fluxcd.io'], ['*'], ['*'], ['*'], ['*'], ['*']),
    ('recon', ['create'], ['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], [''], ['*'], ['*'], ['*']),
    ('recon', ['get'], [''], ['pods'], ['log'], ['*'], ['*'], ['*']),
    ('recon', ['*'], [''], [''], [''], ['*'], ['*'], ['/debug/*', '/logs', '/logs/*', '/metrics', '/metrics/*'])
)
