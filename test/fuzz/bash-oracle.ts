import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** What a program named kubectl was given. */
export interface Call {
  argv: string[];
  stdin: string;
}

const DEADLINE_MS = 60_000;
/** To a file of each process: what bash writes at once it writes line by line. */
const RECORD = `local in=; IFS= read -r -d '' in; printf '%s\\0' "$CASE" "$in" "$#" "$@" >>"$SAW/$BASHPID"`;

/** One shell runs all texts, each in a subshell of its own, where kubectl is a function or a file that writes down. */
const DRIVER = `
kubectl() { ${RECORD}; }
n=0
while IFS= read -r -d '' -u 9 text; do
  export CASE=$n
  ( ulimit -t 2; exec 9<&-; eval "$text" ) </dev/null >/dev/null 2>&1
  n=$((n + 1))
done 9<"$TEXTS"
wait
`;

/**
 * The machine's own bash as the judge of what a text runs. PATH has nothing but a program that writes down what it is
 * given (and cat), and the folder is a temporary one.
 */
export class BashOracle {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws where there is no bash, or one older than 4.4: it reads braces and escapes otherwise. */
  static async open(): Promise<BashOracle> {
    const { stdout } = await promisify(execFile)("/bin/bash", ["--version"]);
    const [, major = "0", minor = "0"] = /version (\d+)\.(\d+)/.exec(stdout) ?? [];
    if (Number(major) * 100 + Number(minor) < 404) throw new Error(`bash 4.4 is needed, and there is: ${stdout}`);
    const folder = await mkdtemp(join(tmpdir(), "sallyport-bash-"));
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "work"));
    const program = join(folder, "bin", "kubectl");
    await writeFile(program, `#!/bin/bash\nrecord() { ${RECORD}; }\nrecord "$@"\n`);
    await chmod(program, 0o755);
    const cat = join(folder, "bin", "cat");
    await writeFile(cat, '#!/bin/sh\nexec /bin/cat "$@"\n');
    await chmod(cat, 0o755);
    return new BashOracle(folder);
  }

  /** What kubectl got, text by text; of one process in the order of its starts. */
  async run(texts: readonly string[]): Promise<Call[][]> {
    const [TEXTS, SAW] = [join(this.#folder, "texts"), join(this.#folder, "saw")];
    await writeFile(TEXTS, texts.map((text) => `${text}\0`).join(""));
    await mkdir(SAW);
    const env = { PATH: join(this.#folder, "bin"), HOME: this.#folder, LC_ALL: "C.UTF-8", TEXTS, SAW };
    const child = spawn("/bin/bash", ["-c", DRIVER], {
      cwd: join(this.#folder, "work"),
      env,
      stdio: "ignore",
      detached: true,
    });
    const late = setTimeout(() => kill(child.pid), DEADLINE_MS);
    const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
    clearTimeout(late);
    if (code !== 0) throw new Error(`bash ended with ${code}`);
    const calls: Call[][] = texts.map(() => []);
    for (const file of await readdir(SAW)) readCalls(await readFile(join(SAW, file), "utf8"), calls);
    await rm(SAW, { recursive: true });
    return calls;
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The shell leads a group of its own, with all that it started. */
function kill(pid: number | undefined): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

function readCalls(saw: string, calls: readonly Call[][]): void {
  const words = saw.split("\0");
  for (let i = 0; i < words.length - 1; ) {
    const count = Number(words[i + 2]);
    calls[Number(words[i])]?.push({ stdin: words[i + 1] ?? "", argv: words.slice(i + 3, i + 3 + count) });
    i += 3 + count;
  }
}
