import { appendFileSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { Agent, request } from "undici";

/**
 * An agent with many exchanges under way, four writes to a read, that writes down in a file of its own what it asks
 * and what it is answered: one line of JSON each. It says `answered <n>` on stdout from time to time, and ends when
 * stdin does, once all is answered. Usage: client <options as JSON>.
 */
interface Options {
  origin: string;
  caFile: string;
  /** Read again for each request. */
  tokenFile: string;
  logFile: string;
  inFlight: number;
}
const options = JSON.parse(process.argv[2] ?? "{}") as Options;
const dispatcher = new Agent({ connect: { ca: readFileSync(options.caFile, "utf8") }, connections: options.inFlight });
/** A hundred who ask again at once would take the cores that the gateway needs to be back. */
const REFUSED_MS = 200;
const path = "/connections/local/api/v1/namespaces/shop/configmaps";
let next = 1;
let answered = 0;
let over = false;
createInterface({ input: process.stdin }).on("close", () => {
  over = true;
});
const note = (line: object): void => appendFileSync(options.logFile, `${JSON.stringify(line)}\n`);

async function loop(): Promise<void> {
  while (!over) {
    const n = next++;
    const name = `e-${n}`;
    const verb = n % 5 === 0 ? "get" : "create";
    note({ asked: name, verb });
    try {
      const answer = await request(`${options.origin}${path}${verb === "get" ? `/${name}` : ""}`, {
        method: verb === "get" ? "GET" : "POST",
        dispatcher,
        headers: {
          authorization: `Bearer ${readFileSync(options.tokenFile, "utf8")}`,
          "content-type": "application/json",
        },
        ...(verb === "get"
          ? {}
          : { body: JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata: { name }, data: { n: `${n}` } }) }),
      });
      await answer.body.text();
      note({ answered: name, status: answer.statusCode });
      if (answer.statusCode < 300) {
        answered++;
        if (answered % 20 === 0) process.stdout.write(`answered ${answered}\n`);
      } else await wait(REFUSED_MS);
    } catch {
      note({ failed: name });
      await wait(REFUSED_MS); // nobody is there
    }
  }
}

await Promise.all(Array.from({ length: options.inFlight }, loop));
process.exit(0);
