import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { CHECKPOINT_SESSION, parseCheckpoint, verifyTreeHead } from "../../audit/evidence/checkpoint.ts";
import { loadPublicKeys } from "../../audit/evidence/signer.ts";
import { notesIn } from "../../audit/evidence/witness.ts";
import { Chains } from "../../audit/recorder/chain.ts";
import { encodeFrame } from "../../audit/spool/frame.ts";
import { Spool } from "../../audit/spool/spool.ts";
import { uuid7 } from "../../base/uuid7.ts";
import * as audit from "../audit/rig.ts";
import { kube, send, spooled } from "./client.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

vi.setConfig({ testTimeout: 120_000 });

const DAY = 86_400_000;
/** Two processes before this one on its spool: one of last month, and one that was killed a moment ago. */
const [lastMonth, killed] = [uuid7(Date.now() - 30 * DAY), uuid7(Date.now() - 1000)];

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    change({ audit }) {
      Object.assign(audit as object, {
        checkpoints: { everySeconds: 1, to: [{ file: "witness" }] },
        retention: { Metadata: "7d" },
      });
    },
    prepare(directory) {
      mkdirSync(join(directory, "witness"));
      const path = join(directory, "spool");
      mkdirSync(path);
      const spool = new Spool({ path, maxBytes: 1_000_000, after: 0 });
      const put = (writer: string, session_id: string, at_ms: number): void => {
        const chains = new Chains({ tenant: "default", writer, newWriter: uuid7 });
        const input = {
          draft: audit.draft({ kind: "session.opened", session_id, at_ms }),
          requestBody: "",
          responseBody: "",
        };
        spool.add(encodeFrame("event", [Buffer.from(chains.next({ ...input, payload: "{}" }).line)]));
      };
      put(lastMonth, "of-last-month", Date.now() - 30 * DAY);
      put(killed, "was-open", Date.now() - 500);
      spool.sync();
      spool.close();
      writeFileSync(join(path, "writers.json"), JSON.stringify([killed]));
    },
    expiryFirstMs: 1,
  },
);

/** A store and a timer take their time where all the other tests want the machine too. */
async function until<T>(find: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  let found: T | undefined | false;
  await audit.until(async () => {
    found = await find();
    return found !== undefined && found !== false;
  });
  return found as T;
}

const metric = async (name: string): Promise<number | undefined> => {
  const text = await (await fetch(`http://127.0.0.1:${rig.gateway.adminPort}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(name));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
};
const traffic = (): Promise<unknown> => kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token });

describe("a gateway that runs", () => {
  test("closes on record, once, the session that the process before it had open", async () => {
    const closed = () =>
      spooled(rig).filter(({ kind, session_id }) => kind === "session.closed" && session_id === "was-open");
    await until(() => closed().length > 0);
    const path = join(rig.directory, "spool", "writers.json");
    const writers = await until(() => {
      const listed = JSON.parse(readFileSync(path, "utf8")) as string[];
      return !listed.includes(killed) && listed;
    });
    expect(closed().map(({ writer, payload }) => [writer, JSON.parse(payload)])).toEqual([
      [writers.at(-1), { reason: "the gateway that had it open ended", writers: [killed] }],
    ]);
  });

  test("lets go of what has passed its time, and puts it on record first", async () => {
    const said = await until(() => spooled(rig).find(({ kind }) => kind === "record.expired"));
    expect(JSON.parse(said.payload).chains).toMatchObject([
      { session_id: "of-last-month", writer: lastMonth, events: 1, last_seq: 1, signed_seq: 0 },
    ]);
    const auditor = await rig.token("alice");
    const events = (session: string) => send(rig, "GET", `/v1alpha1/sessions/${session}/events`, { token: auditor });
    expect((await events("was-open")).status).toBe(200);
    await until(async () => (await events("of-last-month")).status === 404);
  });

  test("signs the record by itself every so often; its metrics say when, and which place takes no checkpoints until it does", async () => {
    const before = Math.floor(Date.now() / 1000);
    await traffic();
    await until(async () => ((await metric("sallyport_checkpoint_last_timestamp_seconds")) ?? 0) >= before);
    expect(await metric("sallyport_checkpoint_failing")).toBe(0);
    const outcome = await until(() => spooled(rig).findLast(({ kind }) => kind === "request.outcome"));
    const { session_id, writer, seq } = outcome;
    const keys = loadPublicKeys([join(rig.directory, "checkpoint.pem")]);
    const made = await until(() => {
      const checkpoints = spooled(rig).filter((row) => row.session_id === CHECKPOINT_SESSION);
      return checkpoints
        .map(({ payload }) => parseCheckpoint(payload))
        .find(({ leaves }) =>
          leaves.some((leaf) => leaf.session_id === session_id && leaf.writer === writer && leaf.seq >= seq),
        );
    });
    expect(verifyTreeHead("default", made.note, keys)).toMatchObject({ ok: true });
    // The place took none so far.
    await until(async () => (await metric("sallyport_checkpoint_place_failing{")) === 1);
    const witness = join(rig.directory, "witness");
    rmdirSync(witness);
    await traffic();
    await until(async () => (await metric("sallyport_checkpoint_place_failing{")) === undefined);
    expect(notesIn(readFileSync(witness, "utf8"))).toContain(made.note);
  });

  test("closes on record, as it ends, what it has open", async () => {
    await traffic();
    const opened = await until(() =>
      spooled(rig).find(({ kind, writer }) => kind === "session.opened" && writer !== killed && writer !== lastMonth),
    );
    await rig.gateway.close();
    const closed = spooled(rig).filter(
      ({ kind, session_id }) => kind === "session.closed" && session_id === opened.session_id,
    );
    expect(closed.map(({ writer, username, payload }) => [writer, username, JSON.parse(payload)])).toEqual([
      [opened.writer, JSON.parse(opened.payload).owner.username, { reason: "the gateway that had it open ended" }],
    ]);
  });
});
