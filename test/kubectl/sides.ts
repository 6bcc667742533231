import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { stringify } from "yaml";
import { writeManifests } from "./manifests.ts";

/** One way to the API server: what kubectl is given there. */
export interface Side {
  name: "direct" | "gateway";
  kubeconfig: string;
  folder: string;
  /** Of the list's run: `{ns}` and their like in commands and manifests. */
  variables: Record<string, string>;
}

export interface SideOptions {
  name: Side["name"];
  server: string;
  caFile: string;
  /** Of the user, in the kubeconfig's own words. */
  user: Record<string, string>;
  folder: string;
  /** Alike in length on both sides, so that columns stay as wide. */
  namespace: string;
  node: string;
  port: number;
}

/** Writes all that a side needs to run the list once, in a folder of its own. */
export async function prepareSide(options: SideOptions): Promise<Side> {
  const { name, namespace, node, port } = options;
  const folder = join(options.folder, namespace);
  const files = join(folder, "files");
  const scratch = join(folder, "scratch");
  mkdirSync(scratch, { recursive: true });
  const variables = { ns: namespace, node, port: String(port), pod: namespace, files, scratch };
  writeManifests(files, variables);
  writeFileSync(join(files, "csr.yaml"), await signingRequest(namespace));
  const kubeconfig = join(folder, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "a", cluster: { server: options.server, "certificate-authority": options.caFile } }],
    users: [{ name: "a", user: options.user }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  writeFileSync(kubeconfig, stringify(config), { mode: 0o600 });
  return { name, kubeconfig, folder, variables };
}

async function signingRequest(name: string): Promise<string> {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=robot",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  return stringify({
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: `${name}-csr` },
    spec: {
      request: Buffer.from(request.toString("pem")).toString("base64"),
      signerName: "example.com/robots",
      usages: ["client auth"],
    },
  });
}
