import { writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAuthority } from "../../tools/control-plane/certificates.ts";

/** An https server on loopback that answers what a test says, with an authority of its own in `caFile`. */
export async function startStub(folder: string, listener: RequestListener) {
  const authority = await createAuthority("test");
  const { certificate, key } = await authority.issueServer(["localhost", "127.0.0.1"]);
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, authority.certificate);
  const server = createServer({ cert: certificate, key }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}`,
    caFile,
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
