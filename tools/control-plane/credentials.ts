import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { uuid7 } from "../../base/uuid7.ts";
import { egressConfiguration, type Files } from "./arguments.ts";
import { AUDIT_POLICY } from "./audit-log.ts";
import type { Authority } from "./certificates.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/** Where a user's client certificate lies, and a kubeconfig that uses it. */
export interface Identity {
  certificateFile: string;
  keyFile: string;
  kubeconfig: string;
}

export interface Cluster {
  directory: string;
  server: string;
  files: Files;
  authority: Authority;
}

/** Makes an ordinary user, by client certificate. */
export async function mintIdentity(cluster: Cluster, user: { username: string; groups?: string[] }): Promise<Identity> {
  const issued = await cluster.authority.issueClient(user);
  // The user's name may be no file's name.
  const at = (suffix: string): string => join(cluster.directory, `user-${id}.${suffix}`);
  const id = uuid7();
  const identity = { certificateFile: at("crt"), keyFile: at("key"), kubeconfig: at("kubeconfig") };
  await secret(identity.certificateFile, issued.certificate);
  await secret(identity.keyFile, issued.key);
  await writeKubeconfig(
    identity.kubeconfig,
    { server: cluster.server, caFile: cluster.files.ca },
    { "client-certificate": identity.certificateFile, "client-key": identity.keyFile },
  );
  return identity;
}

/** Writes what the API server reads at its start: certificates, service account keys, the administrator's token, policies. */
export async function writeServerFiles(cluster: Cluster, adminToken: string): Promise<void> {
  const { files, authority, server } = cluster;
  const serving = await authority.issueServer(["127.0.0.1", "localhost", "kubernetes.default.svc"]);
  const signing = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await secret(files.ca, authority.certificate);
  await secret(files.servingCertificate, serving.certificate);
  await secret(files.servingKey, serving.key);
  await secret(files.serviceAccountKey, signing.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  await secret(files.serviceAccountPublicKey, signing.publicKey.export({ type: "spki", format: "pem" }).toString());
  await secret(files.tokens, `${adminToken},sallyport-admin,sallyport-admin,"system:masters"\n`);
  await secret(files.auditPolicy, JSON.stringify(AUDIT_POLICY));
  await secret(files.egressConfig, JSON.stringify(egressConfiguration(files)));
  await writeKubeconfig(files.adminKubeconfig, { server, caFile: files.ca }, { token: adminToken });
}

/** Writes what only its owner may read. */
export function secret(file: string, text: string): Promise<void> {
  return writeFile(file, text, { mode: 0o600 });
}
