import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Session } from "chdb";

/** Runs statements on ClickHouse: `<folder>`, a JSON array of them on stdin; prints one result each, `ok` or the error. */
const folder = process.argv[2] ?? "";
const session = new Session(join(folder, "data"), {
  connectionArgs: ["--async_load_databases=0"],
});
const results = (JSON.parse(await text(process.stdin)) as string[]).map((statement) => {
  try {
    return session.query(statement, "TabSeparatedRaw").trim() || "ok";
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(results), () => process.exit(0));
