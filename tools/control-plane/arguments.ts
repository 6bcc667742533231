import { join } from "node:path";

/** Where a control plane keeps what its programs read and write. */
export function filesIn(directory: string) {
  const at = (name: string): string => join(directory, name);
  return {
    etcdData: at("etcd"),
    etcdSocket: at("etcd.sock"),
    etcdPeerSocket: at("peer.sock"),
    egressSocket: at("egress.sock"),
    egressConfig: at("egress.json"),
    ca: at("ca.crt"),
    servingCertificate: at("apiserver.crt"),
    servingKey: at("apiserver.key"),
    serviceAccountKey: at("service-account.key"),
    serviceAccountPublicKey: at("service-account.pub"),
    tokens: at("tokens.csv"),
    auditPolicy: at("audit-policy.json"),
    auditLog: at("audit.log"),
    adminKubeconfig: at("admin.kubeconfig"),
    kubelet: at("kubelet"),
    kubeletServingCertificate: at("kubelet.crt"),
    kubeletServingKey: at("kubelet.key"),
    kubeletClientCertificate: at("kubelet-client.crt"),
    kubeletClientKey: at("kubelet-client.key"),
    kubeletRights: at("kubelet-rights.json"),
  };
}

export type Files = ReturnType<typeof filesIn>;

/** etcd on Unix sockets: it has no authentication here, and a TCP port on loopback is open to every user of the machine. */
export function etcdArguments(files: Files, syncs: boolean): string[] {
  // Never dialled: there is no second member, and the API server is given the socket.
  const nowhere = "http://127.0.0.1:1";
  return [
    ...["--data-dir", files.etcdData, "--log-level", "warn"],
    ...(syncs ? [] : ["--unsafe-no-fsync"]),
    ...["--listen-client-urls", `unix://${files.etcdSocket}`, "--advertise-client-urls", nowhere],
    ...["--listen-peer-urls", `unix://${files.etcdPeerSocket}`, "--initial-advertise-peer-urls", nowhere],
    ...["--initial-cluster", `default=${nowhere}`],
  ];
}

/** kube-apiserver as a cluster would run it, on loopback. @param issuer of service account tokens. @param kubelet whether there is one. */
export function apiServerArguments(files: Files, port: number, issuer: string, kubelet: boolean): string[] {
  return [
    ...(kubelet ? kubeletClientArguments(files) : []),
    `--etcd-servers=unix://${files.etcdSocket}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--tls-cert-file=${files.servingCertificate}`,
    `--tls-private-key-file=${files.servingKey}`,
    `--client-ca-file=${files.ca}`,
    `--token-auth-file=${files.tokens}`,
    "--anonymous-auth=false",
    "--authorization-mode=RBAC",
    // Nothing removes the taint that it adds: there is no node controller's kubelet to report Ready.
    "--disable-admission-plugins=TaintNodesByCondition",
    "--allow-privileged=true",
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--kubelet-preferred-address-types=InternalIP",
    `--egress-selector-config-file=${files.egressConfig}`,
    `--service-account-issuer=${issuer}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${files.auditLog}`,
    // Written before the request ends, not in batches that a kill would lose.
    "--audit-log-mode=blocking",
    "--audit-log-format=json",
    "--profiling=false",
  ];
}

/** How the API server proves to a kubelet who it is, and the other way round. */
function kubeletClientArguments(files: Files): string[] {
  return [
    `--kubelet-certificate-authority=${files.ca}`,
    `--kubelet-client-certificate=${files.kubeletClientCertificate}`,
    `--kubelet-client-key=${files.kubeletClientKey}`,
  ];
}

/** kube-controller-manager: the `default` ServiceAccounts, garbage collection, workload controllers. */
export function controllerManagerArguments(files: Files, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.ca}`,
    "--secure-port=0",
    "--leader-elect=false",
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--profiling=false",
  ];
}

/**
 * Connections to pods, services and nodes go to a Unix socket, so that `…/proxy` and the like never leave the
 * machine. The stub kubelet listens there for HTTP CONNECT; without it nobody does, and they fail.
 */
export function egressConfiguration(files: Files): object {
  return {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [
      {
        name: "cluster",
        connection: { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: files.egressSocket } } },
      },
    ],
  };
}
