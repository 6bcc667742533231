import { mutateText } from "./mutate.ts";
import type { Random } from "./random.ts";
import { constantsCase } from "./shell-constants.ts";

/** Parts of words, with everything that quotes, escapes, expands or only looks as if it did. */
const PARTS = [
  ..."a get pods -n -A --x=y x=y web-0 svc/a . .. % @ ^ : , = ! # a#b + é 0 007 -".split(" "),
  ...[
    "'a b'",
    '"a b"',
    "''",
    '""',
    "\\ ",
    "\\'",
    '\\"',
    "\\\\",
    "\\a",
    "\\;",
    "\\#",
    "\\{",
    "\\,",
    '"\\$x"',
    '"\\a\\\\"',
  ],
  ...['"\'"', "'\"'", "'\\'", '"`true`"', '"a\\\nb"', "\\\n", "'a\nb'", '"a\nb"', "\\~", '"~"', "'*'", '"[a]"', "\\*"],
  ...[
    "$'\\n'",
    "$'\\x41\\102\\u00e9'",
    "$'it\\'s'",
    "$'\\e\\cA\\t\\q'",
    "$'\\U0001F600'",
    "$'\\x{41}'",
    "$'\\400\\8\\xg\\u'",
    "$'\\ca\\?\\\"'",
    '$"a"',
    "$",
    '"$"',
    "a$",
  ],
  ...["{a,b}", "{1..3}", "{03..1}", "{a..e..2}", "{-1..1}", "{a,{b,c}}", '"{a,b}"', "\\{a,b}", "{a}", "{}", "a{", "}b"],
  ...["{a,'b c'}", "{,x}", "{a,b}{c,d}", "{a,b", "a,b}", "{1..x}", "{a\\,b,c}", '{"a,b",c}', "{$x,y}", "{5..1..2}"],
  ...[
    "{,,}",
    "{{a,b}}",
    "{a..C}",
    "{1..3}.{1..2}",
    "{a,b}}",
    "{{a,b}",
    "{'}',a}",
    "{0..0}",
    "{+1..2}",
    "{10..08}",
    "a=~",
    "a={b,c}",
    "a=*",
    "a={b}b,c}",
    "A=b:~/x",
    "a+=b",
  ],
];
/** What no text decides. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's parameter expansion.
const OPEN = ["$x", '"$x"', "${x:-a}", "$(true)", "`true`", "*", "?", "[ab]", "~", "~/x", "$((1+1))", "@(a|b)"];
const TOKENS = "' \" \\ $ ` ( ) { } ; & | < > # ! ~ * ? [ ] = , \n \t << <<< $( <( && || ;; $' ${ \\\n é".split(" ");

const word = (random: Random): string => {
  const parts = Array.from({ length: 1 + random.below(3) }, () => random.pick(random.chance(0.02) ? OPEN : PARTS));
  return parts.join("");
};

const words = (random: Random): string => Array.from({ length: random.below(5) }, () => ` ${word(random)}`).join("");

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const NAMES = [
  "kubectl",
  "kubectl",
  "kubectl",
  "ku''bectl",
  "\\kubectl",
  '"kubectl"',
  "k\\ubectl",
  "$'\\x6bubectl'",
  "kube\\\nctl",
];

function simple(random: Random): string {
  const name = random.pick(NAMES);
  const before = random.pick([
    "",
    "",
    "",
    "",
    "A=1 ",
    "A=1 B='x y' ",
    ">/dev/null ",
    "2>&1 ",
    "! ",
    "command ",
    "builtin command ",
  ]);
  const behind = random.pick([
    "",
    "",
    "",
    "",
    " >f1",
    " 2>/dev/null",
    " <<< 'a b'",
    " </dev/null",
    " # c 'd",
    " >&2",
    " &>f1",
  ]);
  return `${before}${name}${words(random)}${behind}`;
}

const document = (random: Random): string => {
  const end = random.pick(["E", "'E'", "\\E", '"E"', "-E", "-'E'"]);
  const lines = Array.from({ length: random.below(4) }, () =>
    random.pick(["a: b", "\tx", "'q' \"r\"", "\\$x \\\\ \\a", "E ", " E", "c\\", "$", "", "é", "`", "$x", "\\`t\\`"]),
  );
  const strip = end.startsWith("-") ? random.pick(["", "\t", "\t\t"]) : "";
  return `kubectl apply -f - <<${end}\n${lines.map((line) => `${strip}${line}\n`).join("")}${strip}E\n`;
};

/** A shell text of a few commands, each of which runs a program named kubectl or nothing. */
function list(random: Random, depth: number): string {
  const inner = (): string => (depth > 2 ? simple(random) : list(random, depth + 1));
  switch (random.below(depth === 0 ? 26 : 34)) {
    case 0:
      return `${inner()}; ${inner()}`;
    case 1:
      return `${inner()} && ${inner()}`;
    case 2:
      return `${simple(random)} | ${simple(random)}`;
    case 3:
      return `${inner()}\n${inner()}`;
    case 4:
      return `(${simple(random).replace(/#.*/, "")}\n)`;
    case 5:
      return `{ ${inner()}\n}`;
    case 6:
      return `if true; then ${inner()}\nfi`;
    case 7:
      return `for i in 1 2; do ${inner()}\ndone`;
    case 8:
      return document(random);
    case 9:
      return `eval ${quoted(inner())}`;
    case 10:
      return `/bin/bash -c ${quoted(inner())}`;
    case 11:
      return `echo ${quoted(inner())} | /bin/bash`;
    case 12:
      return `f() { ${inner()}\n}; f`;
    case 13:
      return `true "$(${simple(random).replace(/#.*/, "")}\n)"`;
    case 14:
      return `case a in a) ${inner()}\n;; esac`;
    case 15:
      return `/usr/bin/env A=1 kubectl${words(random)}`;
    case 16:
      return `printf ${quoted("%s\\n")} ${quoted("a: b")} | kubectl apply -f -`;
    case 17:
      return `cat <<'E' | kubectl apply -f -\n${random.pick(["a: $b", "\\x", "'"])}\nE\n`;
    default:
      return simple(random);
  }
}

/** A text to read and to run. Some are damaged, so that many of those mean nothing. */
export function shellCase(random: Random): string {
  const text = random.chance(0.06) ? constantsCase(random) : list(random, 0);
  return random.chance(0.1) ? mutateText(random, text, TOKENS, 2) : text;
}
