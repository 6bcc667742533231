import { ConfigError, type ConfigIssue } from "../../base/config/issues.ts";
import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { APPROVAL_NAME } from "../exception.ts";
import { parseStanding, type StandingException } from "../standing/exception.ts";
import { meaningIssues } from "../standing/meaning.ts";
import { clip } from "../text.ts";
import { listing } from "../voters.ts";
import { asConflict, type HomeContext, writeCommit } from "./context.ts";
import { MAIN } from "./entry.ts";
import { mainTip, newTip } from "./main.ts";
import type { GitRecord } from "./records.ts";
import type { RefChange } from "./repository.ts";
import { broughtBy, ENDED, endedIn, STANDING } from "./standing-files.ts";
import { blobId, treeWithFiles } from "./tree.ts";

const TRIES = 5;
/** Files of one commit: its record names each, and is read in one piece. */
const AT_ONCE = 250;

/**
 * Brings standing exceptions that a person wrote to main, in signed commits. The caller answers for `by`: it holds the
 * merge key, and nobody else can. Throws a ConfigError where a file is no valid standing exception.
 */
export async function mergeStanding(
  home: HomeContext,
  files: ReadonlyMap<string, string>,
  by: { issuer: string; username: string },
  reason: string,
): Promise<void> {
  for (const [name, file] of files) checkedFile(home, name, file);
  await home.repository.writeBlobs([...files.values()]);
  const all = [...files];
  for (let i = 0; i < all.length; i += AT_ONCE) await mergePart(home, all.slice(i, i + AT_ONCE), by, reason);
}

async function mergePart(
  home: HomeContext,
  files: readonly [string, string][],
  by: { issuer: string; username: string },
  reason: string,
): Promise<void> {
  for (let i = 1; ; i++) {
    const tip = await mainTip(home);
    const before = new Map(await home.repository.refs(STANDING));
    const ended = await endings(
      home,
      files.map(([name]) => [name, before.get(STANDING + name)]),
    );
    const record: GitRecord = {
      kind: "standing",
      // Later than whatever of these names is over, by whichever gateway's clock.
      at: Math.max(home.clock.now(), ...ended.map(({ at }) => at + 1)),
      by: { issuer: by.issuer, username: by.username },
      reason: clip(reason, 1024),
      files: Object.fromEntries(files.map(([name, file]) => [name, sha256(file)])),
    };
    const merged = await treeWithFiles(
      home.repository,
      tip,
      files.map(([name, file]) => [name, blobId(file)]),
    );
    const to = await writeCommit(home, merged.tree, [tip.commit], record);
    const changes: RefChange[] = files.map(([name]) => ({
      ref: STANDING + name,
      from: before.get(STANDING + name) ?? "",
      to,
    }));
    try {
      await home.repository.swap([{ ref: MAIN, from: tip.commit, to }, ...changes, ...endingChanges(ended, to)]);
      home.tip = { ...merged, commit: to };
      return;
    } catch (error) {
      home.tip = await newTip(home);
      if (home.tip.commit === tip.commit || i === TRIES) throw asConflict(error);
    }
  }
}

/** A file as it may be merged now. Throws a ConfigError with every mistake. */
export function checkedFile(home: HomeContext, name: string, file: string): StandingException {
  const mistakes = (issues: ConfigIssue[]): ConfigError => new ConfigError(`exceptions/${name}.yaml`, issues);
  if (APPROVAL_NAME.test(name)) {
    throw mistakes([{ path: "metadata.name", message: "has the name of an approval of one request" }]);
  }
  const exception = parseStanding(name, file);
  if (exception === undefined) {
    throw mistakes([{ path: "spec.match", message: "is for one request, and those are made by holds" }]);
  }
  const now = home.clock.now();
  const issues = meaningIssues(exception, { limits: home.exceptionLimits(), listed: listing(home.people), now });
  if (exception.notAfter <= now) issues.push({ path: "spec.notAfter", message: "has passed already" });
  if (issues.length > 0) throw mistakes(issues);
  return exception;
}

/** Takes a standing exception off main. Throws Refusal `not-found` where there is none of that name. */
export async function revokeStanding(
  home: HomeContext,
  name: string,
  by: { issuer: string; username: string },
  reason: string,
): Promise<void> {
  const ref = STANDING + name;
  for (let i = 1; ; i++) {
    const at = await home.repository.ref(ref);
    const tip = await mainTip(home);
    if (at === undefined) throw new Refusal("not-found", `there is no standing exception ${name}`);
    const merged = await treeWithFiles(home.repository, tip, [[name, undefined]]);
    const record: GitRecord = {
      kind: "standing",
      at: home.clock.now(),
      by: { issuer: by.issuer, username: by.username },
      reason: clip(`${name} is taken back: ${reason}`, 1024),
      files: {},
    };
    const to = await writeCommit(home, merged.tree, [tip.commit], record);
    const ended = await endings(home, [[name, at]]);
    try {
      await home.repository.swap([
        { ref: MAIN, from: tip.commit, to },
        { ref, from: at, to: "" },
        ...endingChanges(ended, to),
      ]);
      home.tip = { ...merged, commit: to };
      return;
    } catch (error) {
      home.tip = await newTip(home);
      if (home.tip.commit === tip.commit || i === TRIES) throw asConflict(error);
    }
  }
}

interface Ending {
  name: string;
  /** Of the commit that brought what is over. */
  at: number;
  /** Whether it is on record already. */
  there: boolean;
}

/** What comes to an end of these names: what the commits brought that their refs point to, and what was over before. */
async function endings(
  home: HomeContext,
  names: readonly (readonly [name: string, commit: string | undefined])[],
): Promise<Ending[]> {
  const { repository, publicKeys, guard } = home;
  const over = endedIn([...(await repository.refs(ENDED)).map(([ref]) => ref), ...guard.kept(ENDED)]);
  const commits = [...new Set(names.flatMap(([, commit]) => commit ?? []))];
  const texts = await repository.read(commits);
  const brought = new Map(commits.map((commit, i) => [commit, broughtBy(publicKeys, commit, texts[i] ?? "")?.at]));
  return names.flatMap(([name, commit]): Ending[] => {
    const before = over.get(name);
    const at = brought.get(commit ?? "");
    return [
      ...(before === undefined ? [] : [{ name, at: before, there: true }]),
      ...(at === undefined || at <= (before ?? -1) ? [] : [{ name, at, there: false }]),
    ];
  });
}

function endingChanges(ended: readonly Ending[], to: string): RefChange[] {
  return ended.filter(({ there }) => !there).map(({ name, at }) => ({ ref: `${ENDED}${name}/${at}`, from: "", to }));
}
