/** A command as one would type it into a shell, so that a reader sees where an argument ends: `sh -c 'echo $HOME'`. */
export function shellWords(command: readonly string[]): string {
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
