import { Socket } from "node:net";
import { constants, setPriority } from "node:os";
import { Session } from "chdb";
import { writeAccess } from "./access.ts";
import type { ChildReply, ChildRequest } from "./chdb-process.ts";
import { ChdbReaders } from "./chdb-readers.ts";
import { onPipeFrames, pipeFrame } from "./pipe-frames.ts";
import { StoreError } from "./store-error.ts";
import { WholeAnswers } from "./whole-answers.ts";

/**
 * The process that holds chDB: it crashes in a worker thread, and a crash of it must not be the gateway's. Requests
 * and answers go over descriptor 3. Not over stdin, which chDB reads beside us as more rows of whatever insert runs, as
 * clickhouse-client does, so that questions get lost; nor over stdout, to which it writes. When the pipe ends, the parent is
 * gone, however it went, and so are we.
 */
const [, , path, tenant] = process.argv;
if (path === undefined) throw new Error("usage: chdb-child <folder> [<tenant>]");
const pipe = new Socket({ fd: 3 });

function reply(answer: ChildReply, body?: Uint8Array): void {
  for (const part of pipeFrame(answer, body === undefined ? [] : [body])) pipe.write(part);
}

// Loading in the background would answer the first queries with "no such table".
const connectionArgs = ["--async_load_databases=0", "--async_load_system_database=0", "--mark_cache_size=67108864"];
const open = (): Session => new Session(path, { connectionArgs });
const readers = new ChdbReaders(open);

// Before its threads start, which inherit it: a store that catches up must not slow down the requests that it records.
// Not the lowest: on a busy machine that starves whoever reads the record.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
let session: Session;
try {
  connectionArgs.push(`--config-file=${writeAccess(path, tenant ?? "")}`);
  session = open();
  session.query("CREATE DATABASE IF NOT EXISTS sallyport");
  session.query("USE sallyport");
  reply({ id: 0 });
} catch (error) {
  reply({ id: 0, error: error instanceof Error ? error.message : String(error) });
}

const whole = new WholeAnswers(() => session.queryBindAsync("SELECT 1", {}, { format: "Null" }));

interface Done {
  bytes?: Uint8Array;
  answer?: ChildReply["answer"];
}

async function run(request: ChildRequest, body: Buffer): Promise<Done> {
  if (request.op === "insert") {
    await session.insert({
      table: request.table,
      values: body,
      format: request.format,
      settings: {
        async_insert: 0,
        insert_deduplicate: 1,
        // One block, so that a batch is there whole or not at all.
        max_insert_block_size: 1_000_000,
        ...(request.token === "" ? {} : { insert_deduplication_token: request.token }),
      },
    });
    return {};
  }
  if (request.op === "close") {
    readers.close();
    session.close();
    return {};
  }
  if (request.op === "ask") {
    const { bytes, ...answer } = await readers.ask(request.question);
    return { bytes, answer };
  }
  const result = await whole.run(() => session.queryBindAsync(request.sql, request.params, { format: "JSONEachRow" }));
  return { bytes: result.bytes() };
}

onPipeFrames<ChildRequest>(pipe, (request, body) => {
  // `body` is a view of a buffer that the pipe reads into no more: chDB may keep it until the insert is done.
  run(request, body).then(
    ({ bytes, answer }) => {
      reply({ id: request.id, ...(answer === undefined ? {} : { answer }) }, bytes);
      if (request.op === "close") pipe.end(() => process.exit(0));
    },
    (error: unknown) => {
      const code = error instanceof StoreError ? { code: error.code } : {};
      reply({ id: request.id, error: error instanceof Error ? error.message : String(error), ...code });
    },
  );
});
// process.exit would wait for chDB's threads; the write-ahead of a MergeTree is its parts, so nothing is lost.
for (const ended of ["close", "error"]) pipe.on(ended, () => process.kill(process.pid, "SIGKILL"));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // A terminal's Ctrl-C reaches the whole group: the parent drains, then closes us.
  process.on(signal, () => {});
}
