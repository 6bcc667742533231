import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmulator } from "emulate";
import { onTestFinished } from "vitest";
import { type Server, wireBehaviours } from "./behaviours.ts";

/**
 * The npm package `emulate`: GitHub's API as somebody else read its documentation, so that one misreading is not in
 * both the gateway and its own double. Of a pull request it lists the base's commits and no changed files, so that
 * nothing can be merged there that the gateway would count.
 */
async function emulated(): Promise<Server> {
  const token = "a-token-of-the-gateway";
  const github = { users: [{ login: "acme" }], repos: [{ owner: "acme", name: "policy-exceptions", auto_init: true }] };
  const tokens = { [token]: { login: "acme", scopes: ["repo"] } };
  const emulator = await createEmulator({ service: "github", port: 0, seed: { tokens, github } });
  const folder = mkdtempSync(join(tmpdir(), "sallyport-emulate-"));
  onTestFinished(async () => {
    await emulator.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, token);
  const repository = "acme/policy-exceptions";
  return {
    home: { repository, credential: { tokenFile }, baseUrl: emulator.url },
    async get(path) {
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${emulator.url}/repos/${repository}${path}`, { headers });
      return response.status === 404 ? undefined : response.json();
    },
  };
}

wireBehaviours("emulate", emulated, { listsCommits: false });
