import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "../../../base/errors.ts";
import type { Bundle } from "../../../engine/bundle/bundle.ts";
import { compileSources, openArchive, refuseRulesBeside, type Verification } from "../../../engine/bundle/load.ts";
import type { BundleSource, Offer } from "../../../engine/bundle/source.ts";
import { GitMirror, type GitRemote } from "./git.ts";
import { commitOf, requireSignature, type Signers } from "./git-signature.ts";
import { readTree } from "./git-tree.ts";
import { keptPath } from "./kept.ts";
import { poll } from "./poll.ts";

/** What `git+https://host/repo.git?ref=main&path=rego` says. */
export interface GitLocation {
  url: string;
  /** Full name: refs/heads/main, refs/tags/v1. */
  ref: string;
  /** Folders of Rego, or one built bundle; the root where it is "". */
  paths: string[];
}

/** Reads the URL; throws a UserError (exit 2) that says what is wrong with it. */
export function gitLocation(text: string): GitLocation {
  const wrong = (why: string): UserError => new UserError(`policy.bundle: ${text}: ${why}`, { exitCode: 2 });
  const url = new URL(text.slice("git+".length));
  const unknown = [...url.searchParams.keys()].find((key) => key !== "ref" && key !== "path");
  if (unknown !== undefined) throw wrong(`unknown ${unknown}; valid here: ref, path`);
  const ref = url.searchParams.get("ref") ?? "main";
  // git check-ref-format, less what nobody needs; a leading dash would be an option.
  if (!/^[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(ref) || /\.\.|\/\/|\.lock$|[/.]$/.test(ref))
    throw wrong(`ref ${ref} is no ref's name`);
  const paths = url.searchParams.getAll("path").map((path) => path.replace(/^\/+|\/+$/g, ""));
  const odd = paths.find((path) => /(^|\/)\.{1,2}(\/|$)|^[:-]|[*?[\]\\]/.test(path));
  if (odd !== undefined) throw wrong(`path ${odd} is no path within a repository`);
  url.search = "";
  url.hash = "";
  return {
    url: url.href,
    ref: ref.startsWith("refs/") ? ref : `refs/heads/${ref}`,
    paths: paths.length === 0 ? [""] : paths,
  };
}

export interface GitSourceOptions extends Verification, Omit<GitRemote, "url"> {
  location: string;
  signers?: Signers | undefined;
  /** `policy.rules`: folders of this machine, compiled together with the repository's. */
  rules: readonly string[];
  /** `policy.state`. */
  state: string;
  pollMs: number;
  /** After a failure, doubled by each further one; a second where absent. */
  retryMs?: number;
  opa?: string | undefined;
}

const FETCHED = "refs/sallyport/fetched";
/** What was in force last: its objects stay, for a start with the server down and for the question what came after. */
const GOOD = "refs/sallyport/good";

/** One ref of a git repository: its sources are compiled here, a built bundle in it is taken as it is. */
export function gitSource(options: GitSourceOptions): BundleSource {
  const { location, state, signers } = options;
  const { url, ref, paths } = gitLocation(location);
  const git = new GitMirror(keptPath(state, "git", url), { ...options, url });
  let known = "";
  let fresh: string | undefined;

  async function fetched(signal?: AbortSignal): Promise<string> {
    await git.ensure();
    await git.fetch(ref, FETCHED, signal);
    return tipOf(FETCHED);
  }

  async function tipOf(name: string): Promise<string> {
    return (await git.run(["rev-parse", "--verify", "--quiet", name])).toString().trim();
  }

  async function offer(tip: string): Promise<Offer> {
    if (signers !== undefined) await requireSignature(git, ref, tip, signers);
    const id = await commitOf(git, tip);
    return {
      bundle: await bundleAt(id),
      name: `${location} (commit ${id.slice(0, 12)})`,
      verified: options.verify,
      commit: {
        id,
        async after(other) {
          // 1 is "no ancestor"; 128 is a commit that this repository never had.
          return (await git.attempt(["merge-base", "--is-ancestor", other, id])).code === 0;
        },
      },
      async keep() {
        await git.run(["update-ref", GOOD, tip]);
        known = tip;
      },
    };
  }

  async function bundleAt(commit: string): Promise<Bundle> {
    const trees = await Promise.all(paths.map((path) => readTree(git, commit, path, options.maxBytes)));
    const [only] = trees;
    if (trees.length === 1 && only?.length === 1 && only[0]?.path === "") {
      refuseRulesBeside(options.rules);
      return openArchive(only[0].content, location, options);
    }
    if (options.verify && (signers === undefined || options.rules.length > 0)) throw unsigned(signers === undefined);
    const folder = await mkdtemp(join(tmpdir(), "sallyport-git-"));
    try {
      for (const [i, files] of trees.entries()) {
        for (const { path, content } of files.filter((file) => file.path.endsWith(".rego"))) {
          await mkdir(dirname(join(folder, String(i), path)), { recursive: true });
          await writeFile(join(folder, String(i), path), content);
        }
      }
      const bundle = await compileSources(
        [...trees.map((_, i) => join(folder, String(i))), ...options.rules],
        options.opa,
      );
      const time = (await git.run(["show", "--no-patch", "--format=%ct", commit])).toString().trim();
      return { ...bundle, serial: Number(time) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  function unsigned(noSigners: boolean): UserError {
    return noSigners
      ? new UserError(`policy.verify is true, and ${location} holds sources, which nobody signed`, {
          exitCode: 2,
          next: "Ask for signed commits (policy.fetch.signed: commit), build and sign a bundle, or set policy.verify: false.",
        })
      : new UserError("policy.verify is true, and nobody signed the folders of policy.rules", {
          exitCode: 2,
          next: "Keep them in the repository, and name them in its URL: ?path=rego&path=ours.",
        });
  }

  return {
    name: location,
    async first() {
      return offer(await fetched());
    },
    async lastGood() {
      await git.ensure();
      const { code, stdout } = await git.attempt(["rev-parse", "--verify", "--quiet", GOOD]);
      return code === 0 ? offer(stdout.toString().trim()) : undefined;
    },
    async take() {
      const tip = fresh;
      fresh = undefined;
      return tip === undefined ? undefined : offer(tip);
    },
    watch(look, failed) {
      return poll({
        pollMs: options.pollMs,
        retryMs: options.retryMs,
        failed,
        async round(signal) {
          const tip = await fetched(signal);
          if (tip === known) {
            await look("unchanged");
            return "done";
          }
          fresh = tip;
          return (await look()) ? "done" : "failed";
        },
      });
    },
  };
}
