// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a shell's parameter expansions.
import type { Random } from "./random.ts";

const NAMES = ["NS", "NS", "NS", "A", "A", "b_1"];
const VALUES = [
  ..."a shop x-1 a/b web:1 a=b 5 -n = a,b % é ~ ~/x * a* [a] ? {a,b} {a} a{ # a#b !".split(" "),
  ..."$A $NS ${A} ${NS}-x $A/$NS a$A ${A:-x} ${A:=x} $(echo) $((1)) $1 $# $HOME $SECONDS".split(" "),
  ...["'a b'", '"a b"', "''", '""', "'*'", '"$A"', '"$A b"', "'$A'", "\\$A", '"\\$A"', "'a\nb'", '" a"', "$'a\\tb'"],
  ...['"$NS$NS"', "'a[$A]'", "`echo`", "", "", "a", "b", "shop", "web", "$NS", "a\\ b", "'\\'", '"a:~"', "a:~/b"],
];

const PLAIN = ["a", "shop", "web-1", "'a'", '"b/c"', "x:y", "$NS", "$A"];

/** What may, or may not, give a variable another value than the one that stands in the text. */
const CHANGES: readonly ((name: string, value: string) => string)[] = [
  (n, v) => `export ${n}=${v}`,
  (n, v) => `export A=${v} ${n}=$A`,
  (n) => `export ${n}`,
  (n, v) => `export "${n}=q" A=${v}`,
  (n, v) => `declare ${n}=${v}`,
  (n, v) => `declare -i ${n}=${v}`,
  (n) => `declare -u ${n}`,
  (n) => `declare -n ${n}=A`,
  (n, v) => `declare -n r=${n}; r=${v}`,
  (n, v) => `readonly ${n}=${v}`,
  (n) => `unset ${n}`,
  (n) => `builtin unset ${n}`,
  (n, v) => `command export ${n}=${v}`,
  (n, v) => `read ${n} <<< ${v}`,
  (n) => `read -r q ${n} <<< 'x y'`,
  (n) => `mapfile ${n} <<< x`,
  (n) => `printf -v ${n} %s x`,
  (n) => `printf '%s' "$${n}" ${n}`,
  (n) => `getopts a ${n} -a`,
  (n, v) => `${n}+=${v}`,
  (n, v) => `${n}=(${v} y)`,
  (n, v) => `${n}[0]=${v}`,
  (n, v) => `eval ${n}=${v}`,
  (n) => `((${n}=5))`,
  (n) => `let ${n}=5`,
  (n) => `: \${${n}:=x}`,
  (n) => `: \${q:=x} \${${n}+y} \${${n}#a}`,
  (n) => `: $((${n}=7))`,
  (n) => `: \${HOME:${n}=1}`,
  (n, v) => `f() { ${n}=${v}; }; f`,
  (n) => `f() { local ${n}=x; }; f`,
  (n) => `g() { kubectl "$${n}"; }; g`,
  (n, v) => `trap '${n}=q' DEBUG; : ${v}`,
  (n, v) => `shopt -s lastpipe; : | ${n}=${v}`,
  (n, v) => `set -k; : ${n}=${v}`,
  (n, v) => `set -a; ${n}=${v}`,
  (n) => `set -- ${n} b`,
  () => "IFS=ax",
  () => "IFS=o read -r q r <<< aob",
  (n, v) => `${n}=${v} true`,
  (n, v) => `${n}=${v} :`,
  (n, v) => `set -o posix; ${n}=${v} :`,
  (n, v) => `A=a ${n}=${v} A=$${n} kubectl "$A" "$${n}"`,
  (n, v) => `${n}=${v} $EMPTY`,
  (n, v) => `${n}=${v} "$EMPTY"`,
  (n, v) => `${n}=${v} >/dev/null`,
  (n, v) => `${n}=${v} >/nowhere/x`,
  (n, v) => `{ ${n}=${v}; } </nowhere/x`,
  (n) => `: {${n}}>/dev/null`,
  (n) => `[[ 5 -eq ${n}=5 ]]`,
  (n) => `[[ $${n} == a* && -n "$A" ]]`,
  (n) => `[ "$${n}" = shop ]`,
  (n) => `[ -v 'q[${n}=5]' ]`,
  (n, v) => `false && ${n}=${v}`,
  (n, v) => `true && ${n}=${v}`,
  (n, v) => `true || ${n}=${v}`,
  (n, v) => `true || ${n}=${v} && A=$${n}`,
  (n, v) => `A=1 && ${n}=${v} && kubectl "$${n}" $A`,
  (n, v) => `false || ${n}=${v}`,
  (n, v) => `${n}=${v} & wait`,
  (n, v) => `(${n}=${v}; kubectl "$${n}")`,
  (n, v) => `{ ${n}=${v}; }`,
  (n, v) => `! ${n}=${v}`,
  (n, v) => `time ${n}=${v}`,
  (n, v) => `: | ${n}=${v}`,
  (n, v) => `: "$(${n}=${v}; kubectl "$${n}")"`,
  (n, v) => `if false; then ${n}=${v}; fi`,
  (n, v) => `if true; then ${n}=${v}; else A=q; fi`,
  (n, v) => `if ${n}=${v}; then kubectl "$${n}"; elif A=x; then :; fi`,
  (n, v) => `case $${n} in a) ${n}=${v};& b) kubectl "$${n}";; *) A=w;; esac`,
  (n, v) => `while false; do ${n}=${v}; break; done`,
  (n, v) => `until true; do break; done; ${n}=${v}`,
  (n, v) => `for i in 1 2; do kubectl "$${n}"; ${n}=${v}; done`,
  (n, v) => `for i in 1 2; do ${n}=${v}; kubectl "$${n}"; continue; A=z; done`,
  (n, v) => `for ${n} in ${v} y; do :; done`,
  (n, v) => `for ${n} in ${v} y; do kubectl "$${n}"; break; done`,
  (n) => `select ${n} in a; do break; done <<< 1`,
  (n, v) => `coproc ${n}=${v}`,
  () => "true() { NS=t; }; true",
  () => "PS4='${NS:=x}'; set -x; set +x",
  (n, v) => `x=${n}; unset "$x"; : ${v}`,
  (n, v) => `x=export; $x ${n}=${v}`,
  (n) => `exec {${n}}>/dev/null`,
  (n, v) => `alias e='${n}=${v}'`,
  (n, v) => `y='${n}=5'; : \${q[y]} ${v}`,
  (n, v) => `cat <<< "${n}" | while read ${n}; do kubectl "$${n}"; done; : ${v}`,
];

const USES: readonly ((name: string) => string)[] = [
  (n) => `kubectl -n $${n} get pods`,
  (n) => `kubectl -n "$${n}" get pods`,
  (n) => `kubectl -n\${${n}} "x\${${n}}y" $A`,
  (n) => `kubectl "$${n}"`,
  (n) => `kubectl "$${n}"`,
  (n) => `kubectl $${n}`,
  (n) => `kubectl a=$${n} $${n}=a {$${n},b} $${n}{a,b}`,
  (n) => `kubectl "$${n}:x" $${n}/$A '$${n}' \\$${n}`,
  (n) => `kubectl \${${n}:-z} "\${${n}:?z}"`,
  (n) => `kubectl apply -f - <<< "n: $${n}"`,
  (n) => `kubectl apply -f - <<< $${n}`,
  (n) => `kubectl apply -f - <<E\nn: $${n}\\n \${${n}}\nE\n`,
  (n) => `echo "n: $${n}" | kubectl apply -f -`,
  (n) => `/bin/bash -c "kubectl '$${n}'"`,
  (n) => `/bin/bash -c 'kubectl "$${n}"'`,
  (n) => `/bin/bash -c '${n}=q; kubectl "$${n}"'`,
  (n) => `eval "kubectl '$${n}'"`,
  (n) => `eval '${n}=q; kubectl "$${n}"'`,
  (n) => `: "$(kubectl "$${n}")"`,
  (n) => `kubectl "$${n}" >/dev/null | kubectl "$${n}"`,
  (n) => `(kubectl "$${n}") & wait`,
  (n) => `for x in "$${n}" a; do kubectl "$x"; done`,
  (n) => `for x in $${n} {a,b}; do kubectl $x "$${n}"; done`,
  (n) => `for x in a b; do for y in 1 $x; do kubectl $x-$y; done; done; kubectl "$${n}"`,
  (n) => `if kubectl "$${n}"; then kubectl $${n}; fi`,
];

/**
 * Assignments, loops, what may change them, and what is given to kubectl of them. Its first word is a number of each use, so
 * that one can be judged where another is open.
 */
export function constantsCase(random: Random): string {
  // Half of them are about one name, and one change.
  const one = random.chance(0.5) ? random.pick(NAMES) : undefined;
  if (one !== undefined) {
    const [value, other] = [random.pick(PLAIN), random.pick(PLAIN)];
    const change = random.pick(CHANGES)(one, other);
    const before = random.chance(0.8) ? [`${one}=${value}`, change] : [change, `${one}=${value}`];
    return numbered(random, [...before, random.pick(USES)(one)]);
  }
  const name = (): string => random.pick(NAMES);
  const parts: string[] = [];
  for (let i = 1 + random.below(3); i > 0; i--)
    parts.push(`${name()}=${random.pick(random.chance(0.5) ? PLAIN : VALUES)}`);
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(parts.length + 1);
    const part = random.chance(0.5)
      ? random.pick(CHANGES)(name(), random.pick(VALUES))
      : `${name()}=${random.pick(VALUES)}`;
    parts.splice(at, 0, part);
  }
  for (let i = 1 + random.below(2); i > 0; i--) {
    parts.splice(random.chance(0.7) ? parts.length : random.below(parts.length + 1), 0, random.pick(USES)(name()));
  }
  return numbered(random, parts);
}

function numbered(random: Random, parts: readonly string[]): string {
  let uses = 0;
  return parts
    .reduce((all, part) => `${all}${random.pick(["\n", "\n", "; "])}${part}`)
    .replaceAll("\n;", "\n")
    .replace(/\bkubectl\b/g, () => `kubectl @${uses++}`);
}
