/**
 * Says on stderr what is being done, once it has taken more than two seconds: what is quick stays silent.
 *
 * @template T
 * @param {string} text what is being done, and how long it may take
 * @param {() => Promise<T>} work
 * @param {(line: string) => void} [write]
 * @returns {Promise<T>}
 */
export async function withProgress(text, work, write = (line) => void process.stderr.write(line)) {
  const started = Date.now();
  let told = false;
  const timer = setTimeout(() => {
    told = true;
    write(`sallyport: ${text} …\n`);
  }, 2000);
  try {
    const result = await work();
    if (told) write(`sallyport: ${text}: done in ${Math.round((Date.now() - started) / 1000)} s\n`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}
