import { tmpdir } from "node:os";
import { join } from "node:path";
import packaged, { inflate } from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

/**
 * A real Chromium, headless, from an npm package, since nothing but git, Node, npm and Go may be asked of a machine.
 * Where the system lacks the libraries that it links, those that the package brings are put beside it.
 */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await packaged.executablePath();
  const options = {
    executablePath,
    headless: true,
    args: [...packaged.args, "--no-sandbox", "--disable-background-networking"],
  };
  try {
    return await chromium.launch(options);
  } catch {
    await inflate(join(import.meta.dirname, "../node_modules/@sparticuz/chromium/bin/al2023.tar.br"));
    const env = { ...process.env, LD_LIBRARY_PATH: join(tmpdir(), "al2023", "lib") };
    return chromium.launch({ ...options, env });
  }
}
