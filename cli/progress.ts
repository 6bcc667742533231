import { style } from "./style.ts";

/** What takes longer says so, on stderr: stdout is for the result. */
const SILENT_MS = 2000;
/** Between lines where nobody's terminal can be redrawn, such as a CI log. */
const PLAIN_INTERVAL_MS = 15_000;

export interface Progress {
  /** Says what is being done now. */
  update(text: string): void;
}

interface ProgressStream {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Runs `work`, and after two seconds shows `label` and the seconds on stderr until it ends. */
export async function withProgress<T>(
  label: string,
  work: (progress: Progress) => Promise<T>,
  options: { stream?: ProgressStream; silentMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<T> {
  const stream = options.stream ?? process.stderr;
  const redraws = stream.isTTY === true && (options.env ?? process.env).TERM !== "dumb";
  const started = Date.now();
  const silentMs = options.silentMs ?? SILENT_MS;
  let text = label;
  let shown = false;
  let last = 0;
  const show = (): void => {
    const seconds = Math.round((Date.now() - started) / 1000);
    if (redraws) stream.write(`\r\u001b[K${style(`${text} (${seconds} s)`, "dim", true)}`);
    else if (!shown || Date.now() - last >= PLAIN_INTERVAL_MS) {
      stream.write(`${text} (${seconds} s)\n`);
      last = Date.now();
    }
    shown = true;
  };
  let ticker: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show();
    ticker = setInterval(show, redraws ? 500 : 1000);
    ticker.unref();
  }, silentMs);
  first.unref();
  try {
    return await work({
      update(next) {
        text = next;
        last = 0;
        if (shown) show();
      },
    });
  } finally {
    clearTimeout(first);
    clearInterval(ticker);
    if (shown && redraws) stream.write("\r\u001b[K");
  }
}
