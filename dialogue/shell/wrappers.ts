/** How a program that runs another takes its own options. */
export interface Wrapper {
  /** Short options that take a value. */
  valued?: string;
  /** Short options that take none. */
  plain?: string;
  /** Long options that take the next word as their value. */
  long?: readonly string[];
  /** Long options that take none, or only behind `=`. */
  longPlain?: readonly string[];
  /** Words before the command: the duration of timeout. */
  skip?: number;
  /** `NAME=value` before the command. */
  assigns?: true;
  /** Options with which it runs nothing: `command -v`. */
  query?: string;
}

/** By name; options that are not here leave what is run undecided. */
export const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  command: { plain: "p", query: "vV" },
  builtin: {},
  exec: { valued: "a", plain: "cl" },
  noglob: {},
  nocorrect: {},
  "-": {},
  repeat: { skip: 1 },
  env: {
    valued: "uC",
    plain: "i0v",
    long: ["unset", "chdir", "argv0"],
    longPlain: ["ignore-environment", "null", "debug", "block-signal", "default-signal", "ignore-signal"],
    assigns: true,
  },
  sudo: {
    valued: "ughpCDRrtTU",
    plain: "AbEHinPsSk",
    long: ["user", "group", "host", "prompt", "chdir", "chroot", "role", "type", "other-user"],
    longPlain: [
      "preserve-env",
      "non-interactive",
      "set-home",
      "background",
      "stdin",
      "preserve-groups",
      "askpass",
      "login",
      "shell",
    ],
    assigns: true,
    query: "lvVKeh",
  },
  doas: { valued: "uC", plain: "nL" },
  timeout: {
    valued: "ks",
    plain: "vfp",
    long: ["kill-after", "signal"],
    longPlain: ["foreground", "preserve-status", "verbose"],
    skip: 1,
  },
  gtimeout: { valued: "ks", plain: "v", long: ["kill-after", "signal"], longPlain: ["foreground"], skip: 1 },
  nohup: {},
  setsid: { plain: "cfw", longPlain: ["ctty", "fork", "wait"] },
  nice: { valued: "n", plain: "0123456789", long: ["adjustment"] },
  ionice: { valued: "cn", plain: "t", long: ["class", "classdata"], longPlain: ["ignore"] },
  stdbuf: { valued: "ioe", long: ["input", "output", "error"] },
  time: { valued: "fo", plain: "pavq", long: ["format", "output"], longPlain: ["portability", "append", "verbose"] },
  taskset: { plain: "a", skip: 1 },
  unbuffer: { plain: "p" },
  caffeinate: { valued: "tw", plain: "dimsu" },
  chronic: { plain: "ve" },
  minikube: {},
};

/** Shells of bash's grammar, as far as it is read here. */
export const SHELLS = new Set(["sh", "bash", "dash", "zsh", "ash", "ksh", "mksh", "rbash", "ksh93"]);
/** Shells of a grammar of their own. */
export const OTHER_SHELLS = new Set(["fish", "pwsh", "powershell", "tcsh", "csh", "nu", "xonsh", "elvish", "cmd"]);
/** Programs of a language of their own, and the options that give one in the command. */
export const INTERPRETERS: readonly { name: RegExp; inline: RegExp }[] = [
  { name: /^(python|pypy)[\d.]*$/, inline: /^-[A-Za-z]*c/ },
  { name: /^(node|nodejs|bun|tsx)$/, inline: /^(-[a-z]*[ep]|--eval|--print)/ },
  { name: /^deno$/, inline: /^eval$/ },
  {
    name: /^(perl|ruby|lua[\d.]*|Rscript|osascript|elixir|groovy|scala|julia|ghc|raku)[\d.]*$/,
    inline: /^(-[A-Za-z0-9]*[eE]|--eval)/,
  },
  { name: /^php[\d.]*$/, inline: /^-[rBRE]/ },
];
/** What they read from their input when no file is named. */
export const isInterpreter = (name: string) => INTERPRETERS.find((one) => one.name.test(name));

/** Programs that start nothing and talk to nobody, whatever their arguments say. */
export const INERT = new Set(
  `: [ basename cal cat cd chgrp chmod chown cksum cmp col column comm cp cut date df diff dirname du echo egrep expand
   expr false fgrep file fmt fold grep head hexdump hostname id join jq ls md5sum mkdir mv nl od paste popd printf
   pushd pwd readlink realpath rev rg rm rmdir seq set sha256sum shift sleep sort stat strings sum tac tail tee test tr
   tree true tsort type touch umask uname uniq unlink unset wait wc whereis which who whoami xxd yes yq`.split(/\s+/),
);
