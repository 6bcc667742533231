import { deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from "node:zlib";

/** The value of the tables that hold what tools wrote. */
export const VALUE = 'c0rrect"h\\rse/b&ttery-ü';

/** What tools wrote of VALUE, as it stands on a terminal. */
export const SHOWN: [way: string, written: string][] = [
  [
    "in a dump of `xxd`",
    '\n00000000: 6330 7272 6563 7422 685c 7273 652f 6226  c0rrect"h\\rse/b&\n00000010: 7474 6572 792d c3bc                      ttery-..\n',
  ],
  [
    "in a dump of `xxd -c 32`",
    '\n00000000: 6330 7272 6563 7422 685c 7273 652f 6226 7474 6572 792d c3bc                      c0rrect"h\\rse/b&ttery-..\n',
  ],
  [
    "in a dump of `xxd -g1 -u`",
    '\n00000000: 63 30 72 72 65 63 74 22 68 5C 72 73 65 2F 62 26  c0rrect"h\\rse/b&\n00000010: 74 74 65 72 79 2D C3 BC                          ttery-..\n',
  ],
  [
    "in a dump of `xxd -i`",
    "\n  0x63, 0x30, 0x72, 0x72, 0x65, 0x63, 0x74, 0x22, 0x68, 0x5c, 0x72, 0x73,\n  0x65, 0x2f, 0x62, 0x26, 0x74, 0x74, 0x65, 0x72, 0x79, 0x2d, 0xc3, 0xbc\n",
  ],
  [
    "in a dump of `xxd | cat -n`",
    '\n     1\t00000000: 6330 7272 6563 7422 685c 7273 652f 6226  c0rrect"h\\rse/b&\n     2\t00000010: 7474 6572 792d c3bc                      ttery-..\n',
  ],
  [
    "in a dump of `hexdump`",
    "\n0000000 3063 7272 6365 2274 5c68 7372 2f65 2662\n0000010 7474 7265 2d79 bcc3                    \n0000018\n",
  ],
  [
    "in a dump of `hexdump -C`",
    '\n00000000  63 30 72 72 65 63 74 22  68 5c 72 73 65 2f 62 26  |c0rrect"h\\rse/b&|\n00000010  74 74 65 72 79 2d c3 bc                           |ttery-..|\n00000018\n',
  ],
  [
    "in a dump of `hexdump -C | grep -n ''`",
    '\n1:00000000  63 30 72 72 65 63 74 22  68 5c 72 73 65 2f 62 26  |c0rrect"h\\rse/b&|\n2:00000010  74 74 65 72 79 2d c3 bc                           |ttery-..|\n3:00000018\n',
  ],
  [
    "in a dump of `hexdump -c`",
    '\n0000000   c   0   r   r   e   c   t   "   h   \\   r   s   e   /   b   &\n0000010   t   t   e   r   y   - 303 274                                \n0000018\n',
  ],
  [
    "in a dump of `od`",
    "\n0000000 030143 071162 061545 021164 056150 071562 027545 023142\n0000020 072164 071145 026571 136303\n0000030\n",
  ],
  [
    "in a dump of `od -c`",
    '\n0000000   c   0   r   r   e   c   t   "   h   \\   r   s   e   /   b   &\n0000020   t   t   e   r   y   - 303 274\n0000030\n',
  ],
  [
    "in a dump of `od -c | cat -n`",
    '\n     1\t0000000   c   0   r   r   e   c   t   "   h   \\   r   s   e   /   b   &\n     2\t0000020   t   t   e   r   y   - 303 274\n     3\t0000030\n',
  ],
  [
    "in a dump of `od -An -c`",
    '\n   c   0   r   r   e   c   t   "   h   \\   r   s   e   /   b   &\n   t   t   e   r   y   - 303 274\n',
  ],
  ["in a dump of `od -An -tx1`", "\n 63 30 72 72 65 63 74 22 68 5c 72 73 65 2f 62 26\n 74 74 65 72 79 2d c3 bc\n"],
  ["in a dump of `od -x`", "\n0000000 3063 7272 6365 2274 5c68 7372 2f65 2662\n0000020 7474 7265 2d79 bcc3\n0000030\n"],
  [
    "in a dump of `od -b`",
    "\n0000000 143 060 162 162 145 143 164 042 150 134 162 163 145 057 142 046\n0000020 164 164 145 162 171 055 303 274\n0000030\n",
  ],
  [
    "in a dump of `od -t x1z`",
    '\n0000000 63 30 72 72 65 63 74 22 68 5c 72 73 65 2f 62 26  >c0rrect"h\\rse/b&<\n0000020 74 74 65 72 79 2d c3 bc                          >ttery-..<\n0000030\n',
  ],
  [
    "in a dump of `od -An -tu1`",
    "\n  99  48 114 114 101  99 116  34 104  92 114 115 101  47  98  38\n 116 116 101 114 121  45 195 188\n",
  ],
  ["as Node shows bytes", "<Buffer 63 30 72 72 65 63 74 22 68 5c 72 73 65 2f 62 26 74 74 65 72 79 2d c3 bc>"],
  ["in hex with colons", "63:30:72:72:65:63:74:22:68:5c:72:73:65:2f:62:26:74:74:65:72:79:2d:c3:bc"],
  ["as bash quotes it with `printf %q`", 'c0rrect\\"h\\\\rse/b\\&ttery-ü'],
  ["as bash quotes it where letters have no accents", "$'c0rrect\"h\\\\rse/b&ttery-\\303\\274'"],
  ["as Python shows bytes", "b'c0rrect\"h\\\\rse/b&ttery-\\xc3\\xbc'"],
  ["as `jq @html` writes it", "c0rrect&quot;h\\rse/b&amp;ttery-ü"],
  ["as `html/template` writes it", "c0rrect&#34;h\\rse/b&amp;ttery-&#xfc;"],
  ["as CSV has it", '"1","c0rrect""h\\rse/b&ttery-ü"'],
  ["with the colours of grep", 'c0rrect"h\\\u001b[01;31m\u001b[Krse\u001b[m\u001b[K/b&ttery-ü'],
];

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const inLines = (text: string, width: number): string[] => text.match(new RegExp(`.{1,${width}}`, "gs")) ?? [];
const numbered = (lines: readonly string[]): string =>
  `\n${lines.map((line, i) => `${String(i + 1).padStart(6)}\t${line}\n`).join("")}`;
const printable = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("latin1")
    .replace(/[^ -~]/g, ".");
const rowsOf = (bytes: Uint8Array): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => Buffer.from(bytes.subarray(16 * i, 16 * i + 16)));

/** A file in a ZIP archive, as `zip` writes it to a pipe. */
function zipped(text: string): Buffer {
  const packed = deflateRawSync(text);
  const header = Buffer.alloc(30);
  header.write("PK\x03\x04", "latin1");
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt16LE(5, 26);
  return Buffer.concat([header, Buffer.from("a.txt"), packed, Buffer.from("PK\x01\x02 and what follows")]);
}

/** What tools write of any value. */
export const WRITES: [way: string, write: (value: string) => string][] = [
  [
    "as `xxd` shows it",
    (value) =>
      rowsOf(Buffer.from(value))
        .map((row, i) => {
          const groups = hex(row).replace(/.{4}(?=.)/g, "$& ");
          return `${(16 * i).toString(16).padStart(8, "0")}: ${groups.padEnd(39)}  ${printable(row)}\n`;
        })
        .join(""),
  ],
  [
    "as `hexdump -C` shows it",
    (value) =>
      rowsOf(Buffer.from(value))
        .map((row, i) => {
          const pairs = [...row].map((byte) => byte.toString(16).padStart(2, "0"));
          const groups = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`;
          return `${(16 * i).toString(16).padStart(8, "0")}  ${groups.padEnd(50)}|${printable(row)}|\n`;
        })
        .join(""),
  ],
  [
    "as `od -c` shows it",
    (value) =>
      rowsOf(Buffer.from(value))
        .map((row, i) => {
          const cells = [...row].map((byte) =>
            (byte < 0x20 || byte > 0x7e ? byte.toString(8).padStart(3, "0") : String.fromCharCode(byte)).padStart(4),
          );
          return `${(16 * i).toString(8).padStart(7, "0")}${cells.join("")}\n`;
        })
        .join(""),
  ],
  ["as a list of a program's", (value) => `[${[...Buffer.from(value)].join(", ")}]`],
  [
    "in a C program",
    (value) => [...Buffer.from(value)].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(", "),
  ],
  ["in base64 of UTF-16, as PowerShell takes it", (value) => base64(Buffer.from(`echo '${value}'`, "utf16le"))],
  ["in base64 of what deflate wrote", (value) => base64(deflateRawSync(`a file with ${value} in it`))],
  [
    "in base64 of what deflate wrote of a long text",
    (value) =>
      base64(deflateRawSync(`${"words that repeat, and some that do not: ".repeat(40)}${value}${"a b c ".repeat(99)}`)),
  ],
  ["in base64 of a ZIP archive", (value) => base64(zipped(`a file with ${value} in it`))],
  [
    "in a listing of base64 in lines",
    (value) =>
      numbered(inLines(base64(Buffer.from(`${"some words ".repeat(9)}${value}${" more words".repeat(9)}`)), 76)),
  ],
  [
    "in a listing of what gzip wrote, in base64",
    (value) => numbered(inLines(base64(gzipSync(`${hex(Buffer.from(value))}${value}`)), 64)),
  ],
  [
    "in octal escapes",
    (value) => [...Buffer.from(value)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join(""),
  ],
  ["in HTML, to the last letter", (value) => [...value].map((c) => `&#${c.codePointAt(0)};`).join("")],
  ["in colours", (value) => [...value].map((c) => `\u001b[3${c.charCodeAt(0) % 8}m${c}\u001b[0m`).join("")],
  [
    "in base64 in lines of 76, with returns",
    (value) => inLines(base64(Buffer.from(`${"word ".repeat(30)}${value}`)), 76).join("\r\n"),
  ],
];

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
const unlisted = (text: string): Buffer =>
  Buffer.from(
    lines(text)
      .map((line) => line.replace(/^ *\d+\t/, ""))
      .join(""),
    "base64",
  );
const columns = (from: number, to: number) => (text: string) =>
  Buffer.concat(lines(text).map((line) => Buffer.from(line.slice(from, to).replaceAll(" ", ""), "hex")));

/** What reads them again, each written by itself: for who looks whether a value stands in something. Each may throw. */
export const READS: ((text: string) => Uint8Array | string)[] = [
  columns(10, 49),
  columns(10, 60),
  (text) =>
    Buffer.concat(
      lines(text).map((line) =>
        Buffer.from(
          (line.slice(7).match(/.{4}/g) ?? []).map((cell) =>
            cell.startsWith("  ") ? cell.charCodeAt(3) : Number.parseInt(cell, 8),
          ),
        ),
      ),
    ),
  (text) => Buffer.from(JSON.parse(text) as number[]),
  (text) => Buffer.from(Array.from(text.matchAll(/0x(..)/g), ([, pair]) => Number.parseInt(pair ?? "", 16))),
  (text) => Buffer.from(text, "base64"),
  (text) => Buffer.from(text, "base64").toString("utf16le"),
  (text) => inflateRawSync(Buffer.from(text, "base64")),
  (text) => inflateRawSync(Buffer.from(text, "base64").subarray(35)),
  unlisted,
  (text) => gunzipSync(unlisted(text)),
  (text) => Buffer.from(Array.from(text.matchAll(/\\(\d{3})/g), ([, digits]) => Number.parseInt(digits ?? "", 8))),
  (text) => text.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code))),
  (text) => text.split("\u001b").reduce((all, piece) => all + piece.slice(piece.indexOf("m") + 1)),
];
