import { styleText } from "node:util";

export type Style = "error" | "ok" | "warn" | "dim" | "bold";
const FORMATS = { error: "red", ok: "green", warn: "yellow", dim: "dim", bold: "bold" } as const;

/** Colour only on a terminal that has it, and not with NO_COLOR set (no-color.org). */
export function colourFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  const refused = env.NO_COLOR !== undefined && env.NO_COLOR !== "";
  return stream.isTTY === true && !refused && env.TERM !== "dumb";
}

export function style(text: string, as: Style, colour: boolean): string {
  return colour ? styleText(FORMATS[as], text, { validateStream: false }) : text;
}

/**
 * Text of others (an agent's reason, a server's message) made safe to print: control characters, which a
 * terminal would obey, become their escapes. CVE-2021-25743 was this, in kubectl.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
