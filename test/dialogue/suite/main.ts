/**
 * `npm run test:dialogue`: twelve recorded streams and more of each dialect. Cut at every byte, a tool call that is
 * denied does not reach the client, and one that is allowed arrives byte for byte; through a whole gateway the same, with
 * a provider that sends each event only once the client has the one before. Exits 1 where it is not so.
 *
 *   --cases N       offsets of each stream through the gateway's sockets, spread over it (24)
 *   --step N        every Nth offset in the wire layer alone (1: every one)
 *   --only TEXT     only the streams whose dialect and name have it
 *   --output json
 */
import { parseArgs } from "node:util";
import { wrongAt } from "./in-process.ts";
import { RECORDED, type Recorded, WIRES } from "./recorded.ts";
import { Suite, startSuite } from "./through-gateway.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "24" },
    step: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    output: { type: "string", default: "text" },
  },
});
const [cases, step] = [Number(values.cases), Number(values.step)];
if (!Number.isSafeInteger(cases) || cases < 0 || !Number.isSafeInteger(step) || step < 1) {
  process.stderr.write("--cases is a whole number, and --step one above 0\n");
  process.exit(2);
}
const streams = RECORDED.filter(({ wire, name }) => `${wire} ${name}`.includes(values.only));
if (streams.length === 0) {
  process.stderr.write(`there is no stream ${values.only}\n`);
  process.exit(2);
}

const counted = { streams: {} as Record<string, number>, offsets: 0, throughGateway: 0, wrong: [] as string[] };
for (const wire of WIRES) counted.streams[wire] = streams.filter((one) => one.wire === wire).length;
const { rig, token } = await startSuite();
try {
  const suite = new Suite(rig, token);
  for (const one of streams) {
    const before = counted.wrong.length;
    for (let at = 0; at <= one.bytes.length; at += step) {
      counted.wrong.push(...(await wrongAt(one, at)));
      counted.offsets++;
    }
    for (const cut of sample(one)) {
      counted.wrong.push(...(await suite.wrongBy(one, cut)));
      counted.throughGateway++;
    }
    counted.wrong.push(...(await suite.wrongWhereAcknowledged(one)));
    const verdict = counted.wrong.length === before ? "as it is to be" : "FAILED";
    process.stderr.write(`${one.wire} ${one.name}: ${one.bytes.length} bytes, ${verdict}\n`);
  }
} finally {
  await rig.close();
}

/** Sizes of pieces, and offsets over the whole of the stream. */
function sample({ bytes }: Recorded) {
  const offsets = Array.from({ length: cases }, (_, i) => ({ at: Math.floor(((i + 0.5) * bytes.length) / cases) }));
  return [{ size: bytes.length }, { size: 1 }, { size: 7 }, { size: 64 }, ...offsets];
}

if (values.output === "text") {
  const names = Object.entries(counted.streams).map(([wire, count]) => `${count} of ${wire}`);
  process.stdout.write(
    `${streams.length} streams (${names.join(", ")}): ${counted.offsets} offsets in the wire layer, ${counted.throughGateway} ways of sending through the gateway, each with calls released and denied\n`,
  );
  for (const what of counted.wrong.slice(0, 100)) process.stdout.write(`FAILED ${what}\n`);
} else process.stdout.write(`${JSON.stringify(counted)}\n`);
process.exitCode = counted.wrong.length > 0 ? 1 : 0;
