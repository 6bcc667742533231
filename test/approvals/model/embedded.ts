import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedHome } from "../../../approvals/git/home.ts";
import { type RefChange, Repository } from "../../../approvals/git/repository.ts";
import { sha256 } from "../../../base/digest.ts";
import { silentLog } from "../../../base/log.ts";
import { bob, people } from "../suite/fixtures.ts";
import type { MakeModelHome, ModelHomeOptions } from "./home.ts";
import { MemoryGit } from "./memory-git.ts";
import type { Process } from "./turns.ts";

/** The embedded home on real git. */
export const embeddedOnGit: MakeModelHome = (options) => embedded(options, (path) => new Repository(path));

/** The embedded home on a repository in memory: the same code but for git itself. */
export const embeddedInMemory: MakeModelHome = (options) => {
  const git = new MemoryGit();
  return embedded(options, () => git);
};

async function embedded(
  options: ModelHomeOptions,
  repository: (path: string) => Repository,
): ReturnType<MakeModelHome> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-model-"));
  const path = join(folder, "exceptions.git");
  const mergeKeyFile = join(folder, "merge.pem");
  writeFileSync(mergeKeyFile, MERGE_KEY, { mode: 0o600 });
  return {
    throughGateway: true,
    revokesAtOnce: true,
    forgetsTheOver: false,
    open: (process) =>
      openEmbeddedHome({
        path,
        state: join(folder, `${process.name}.main`),
        mergeKeyFile,
        people,
        clock: options.time,
        log: silentLog,
        url: (name) => `https://sallyport.test/approvals/${name}`,
        repository: inTurns(repository(path), process, options),
      }),
    approve: ({ name, file }, via) => via.approve(name, bob, { reason: "fine", seen: sha256(file) }),
    deny: ({ name }, via) => via.deny(name, bob, { reason: "no" }),
    revoke: ({ name }, via) => via.revoke(name, bob, { reason: "no longer" }),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

const MERGE_KEY = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });

/** What only adds objects that nothing names yet: it makes no difference when it happens. */
const UNSEEN = new Set(["write", "writeBlobs", "writeTree"]);

/** The repository as one gateway sees it: each call takes its turns, and one that changes refs may be answered late. */
function inTurns(repository: Repository, process: Process, { turns, withoutSwap }: ModelHomeOptions): Repository {
  return new Proxy(repository, {
    get(target, key: string & keyof Repository) {
      const member: unknown = target[key];
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const call = (): Promise<unknown> => Reflect.apply(member, target, args) as Promise<unknown>;
        if (UNSEEN.has(key)) return process.dead ? new Promise(() => {}) : turns.outside(call);
        if (key !== "swap") return turns.call(process, `${key} ${args.map(short).join(" ")}`, call, false);
        const changes = args[0] as RefChange[];
        const swap = withoutSwap ? () => overwrite(target, changes) : call;
        return turns.call(process, changes.map(told).join(", "), swap);
      };
    },
  });
}

/** As a repository would that does not compare: whatever is there gives way. */
async function overwrite(repository: Repository, changes: readonly RefChange[]): Promise<void> {
  const now = new Map(await repository.refs());
  const blind = changes.map((change) => ({ ...change, from: now.get(change.ref) ?? "" }));
  await repository.swap(blind.filter(({ from, to }) => from !== to));
}

const short = (value: unknown): string => String(value).replaceAll(/[0-9a-f]{24,}/g, (hex) => hex.slice(0, 8));
const told = ({ ref, from, to }: RefChange): string =>
  `${from === "" ? "create" : to === "" ? "delete" : "change"} ${short(ref)}`;
