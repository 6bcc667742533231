import { Session } from "chdb";
import { insertRows } from "./rows.ts";

/** `node bench/long/fill.ts <store> <rows>`: a process of its own, since one process has a store open at a time. */
const [, , path = "", count = "0"] = process.argv;
const rows = Number(count);
const BATCH = 250_000;
const session = new Session(path, { connectionArgs: ["--async_load_databases=0"] });
session.query("USE sallyport");
for (let from = 0; from < rows; from += BATCH) {
  session.query(insertRows("events", from, Math.min(rows, from + BATCH), rows));
  if ((from / BATCH) % 8 === 7) process.stderr.write(`bench:long: ${from + BATCH} events\n`);
}
session.close();
process.exit(0);
