import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

/** Writes the least sallyport.yaml that is valid, with this `policy` over its own, and resolves to its path. */
export async function config(folder: string, policy: Record<string, unknown>): Promise<string> {
  const file = join(folder, "sallyport.yaml");
  const prefix = { username: "corp:", groups: "corp:" };
  await writeFile(
    file,
    stringify({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "Gateway",
      listen: { address: "127.0.0.1:0", url: "https://s.example.com", certFile: "tls.crt", keyFile: "tls.key" },
      keys: { sessionFile: "s", hmacFile: "h", mergeFile: "m", bundlePublicFile: "b" },
      issuers: [{ name: "corp", issuer: "https://idp.example.com", audiences: ["sallyport"], prefix }],
      connections: [{ name: "prod", kind: "kubernetes", server: "https://10.0.0.1", credential: { tokenFile: "t" } }],
      policy: { bundle: "b.tar.gz", guardrails: "g.yaml", ...policy },
      approvals: { home: "embedded", path: "e.git" },
      audit: { spool: { path: "spool" }, store: { embedded: "chdb" } },
    }),
  );
  return file;
}
