/** Named ones that programs write (HTML and XML: `html.escape`, `html/template`, jq's `@html`, serializers of DOM trees). */
const NAMED: readonly [name: string, code: number][] = [
  ["&amp;", 0x26],
  ["&lt;", 0x3c],
  ["&gt;", 0x3e],
  ["&quot;", 0x22],
  ["&apos;", 0x27],
  ["&nbsp;", 0xa0],
];
const NAMES = NAMED.map(([name, code]): [Uint8Array, number] => [Buffer.from(name), code]);
const DIGITS = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) {
  DIGITS[i.toString(16).charCodeAt(0)] = i;
  DIGITS[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}
/** The most digits that a character takes, with zeros before them. */
const MOST = 8;

let code = 0;

/** The character that the entity said which was read last. */
export const entityCode = (): number => code;

/** How long the entity is that begins at `at`, an ampersand; 0 where none does. */
export function entityAt(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at + 1] === 0x23) return numbered(bytes, at, end);
  for (const [name, says] of NAMES) {
    if (at + name.length > end) continue;
    let i = 1;
    while (i < name.length && bytes[at + i] === name[i]) i++;
    if (i < name.length) continue;
    code = says;
    return name.length;
  }
  return 0;
}

function numbered(bytes: Uint8Array, at: number, end: number): number {
  const hex = bytes[at + 2] === 0x78 || bytes[at + 2] === 0x58;
  const from = at + (hex ? 3 : 2);
  const base = hex ? 16 : 10;
  let value = 0;
  let i = from;
  for (; i < Math.min(end, from + MOST); i++) {
    const digit = DIGITS[bytes[i] as number] as number;
    if (digit < 0 || digit >= base) break;
    value = value * base + digit;
  }
  if (i === from || i >= end || bytes[i] !== 0x3b || value > 0x10ffff) return 0;
  code = value;
  return i + 1 - at;
}
