import { Session } from "chdb";
import { type HttpAnswer, serveClickHouse } from "../../../audit/store/http-interface.ts";
import type { HttpQuery } from "../../../audit/store/http-query.ts";
import { quoted, withValues } from "../../../audit/store/readers-sql.ts";
import { errorMessage } from "../../../base/errors.ts";

/**
 * A ClickHouse server for tests: chDB behind ClickHouse's HTTP interface, opened for writing, in a process of its own
 * that can be killed. `<folder> <port> [<user> <password>] [<cert> <key>]`; prints its port.
 */
const [, , folder = "", port = "0", user = "", password = "", cert = "", key = ""] = process.argv;
const args = ["--async_load_databases=0", "--async_load_system_database=0"];
const keep = new Session(folder, { connectionArgs: args });

async function answer(query: HttpQuery): Promise<HttpAnswer> {
  // A session a request, as a server has a context a request.
  const session = new Session(folder, { connectionArgs: args });
  try {
    if (query.database !== "") session.query(`USE \`${query.database}\``);
    const insert = /^\s*INSERT INTO (\w+)(?: \(([^)]*)\))? FORMAT (JSONEachRow|TabSeparated)\s*$/.exec(query.query);
    if (insert !== null) {
      const [, table = "", columns, format] = insert;
      await session.insert({
        table,
        ...(columns === undefined ? {} : { columns: columns.split(", ") }),
        values: query.data,
        format: format as "JSONEachRow",
        settings: numbers(query.settings),
      });
      return { format: "TabSeparated", bytes: new Uint8Array(), rowsRead: 0, bytesRead: 0, seconds: 0 };
    }
    const sql = Object.keys(query.params).length === 0 ? query.query : withValues(formatted(query.query), query.params);
    const { readonly, ...settings } = query.settings;
    const list = Object.entries({ ...settings, ...(readonly === undefined ? {} : { readonly }) });
    if (list.length > 0) session.query(`SET ${list.map(([name, value]) => `${name}=${quoted(value)}`).join(", ")}`);
    const result = await session.queryAsync(sql, { format: query.format });
    const { elapsed: seconds, rowsRead, bytesRead } = result;
    return { format: query.format, bytes: Buffer.from(result.bytes()), seconds, rowsRead, bytesRead };
  } finally {
    session.close();
  }
}

const formatted = (sql: string): string => keep.query(`SELECT formatQuery(${quoted(sql)})`, "TabSeparatedRaw");

function numbers(settings: Record<string, string>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, /^\d{1,15}$/.test(value) ? Number(value) : value]),
  );
}

const server = await serveClickHouse({
  address: `127.0.0.1:${port}`,
  ...(user === "" ? {} : { authenticate: (name: string, word: string) => name === user && word === password }),
  ...(cert === ""
    ? {}
    : { tls: { cert: Buffer.from(cert, "base64").toString(), key: Buffer.from(key, "base64").toString() } }),
  answer,
  maxBodyBytes: 512 * 1024 * 1024,
  onError: (error) => process.stderr.write(`${errorMessage(error)}\n`),
});
process.stdout.write(`${server.port}\n`);
process.stdin.resume();
process.stdin.on("close", () => process.kill(process.pid, "SIGKILL"));
