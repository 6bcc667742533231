/** Builtins of bash, dash, ksh and zsh that leave all variables as they are, whatever their words say. */
export const STEADY = new Set(
  `: bg caller cd chdir dirs disown echo fg hash jobs kill popd pushd pwd suspend times true false type ulimit umask
   whence where which`.split(/\s+/),
);
/** Those whose words are a number to zsh, and arithmetic. */
export const NUMBERED = new Set(["break", "continue", "exit", "logout", "return", "shift"]);
/** Those that change the variables which their words name. */
export const NAMING = new Set(
  `declare export getopts local mapfile print printf read readarray readonly typeset unset wait`.split(/\s+/),
);
/** Those behind which nothing is certain any more, and words that zsh takes for more than a name. */
export const WILD = new Set(
  `. alias autoload bind bindkey compadd compdef compgen complete compopt coproc echotc echoti emulate enable end eval
   fc float foreach functions getln history integer let limit log nameref private repeat sched setopt shopt source stat
   trap ttyctl unalias unfunction unhash unlimit unsetopt vared zcompile zformat zftp zle zmodload zparseopts zprof zpty
   zregexparse zselect zsocket zstyle zsystem ztcp`.split(/\s+/),
);
/** Precommands behind which a builtin is one still. */
export const PRECOMMANDS = new Set(["builtin", "command", "exec", "nocorrect", "noglob", "-"]);
