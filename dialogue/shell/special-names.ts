/**
 * Variables that mean something to a shell itself (bash(1) "Shell Variables", zshparam(1), ksh(1)), or that may be
 * read-only, integers or arrays before a text begins.
 */
const BASH =
  /^(?:_|BASH\w*|COMP_\w+|COMPREPLY|COPROC\w*|COLUMNS|CDPATH|CHILD_MAX|DIRSTACK|EMACS|ENV|EPOCH\w+|EUID|EXECIGNORE|FCEDIT|FIGNORE|FUNCNAME|FUNCNEST|GLOB\w+|GROUPS|HIST\w+|HOME|HOST\w*|IFS|IGNOREEOF|INPUTRC|INSIDE_EMACS|LANG|LC_\w+|LINENO|LINES|MACHTYPE|MAIL\w*|MAPFILE|OLDPWD|OPT\w+|OSTYPE|PATH|PIPESTATUS|POSIX\w+|PPID|PROMPT\w*|PS\d|PWD|RANDOM|READLINE_\w+|REPLY|SECONDS|SHELL\w*|SHLVL|SRANDOM|TERM|TIMEFORMAT|TMOUT|TMPDIR|UID|auto_resume|histchars|KUBECONFIG|LD_\w+|DYLD_\w+)$/;
const ZSH =
  /^(?:ARGC|CPUTYPE|DIRSTACKSIZE|EDITOR|EGID|ERRNO|FPATH|GID|KEYBOARD_HACK|KEYTIMEOUT|KSH_\w+|LISTMAX|LOG\w+|MANPATH|MATCH|MBEGIN|MEND|MODULE_PATH|NULLCMD|POSTEDIT|PSVAR|READNULLCMD|RPROMPT\d?|RPS\d|SAVEHIST|SPROMPT|STTY|TERMINFO\w*|TIMEFMT|TRY_BLOCK_\w+|TTY\w*|USERNAME|VENDOR|VISUAL|WATCH\w*|WORDCHARS|ZBEEP|ZDOTDIR|ZLE\w*|ZSH\w*|aliases|argv|builtins|cdpath|commands|dirstack|dis_\w+|fignore|fpath|func\w+|galiases|histor\w+|job\w+|keymaps?|langinfo|mailpath|manpath|match|mbegin|mend|module_path|modules|nameddirs|options|parameters|patchars|path|pipestatus|prompt|psvar|reswords|saliases|signals|status|sysparams|termcap|terminfo|user\w+|watch|widgets|zle_\w+|zsh_\w+)$/;
/** Those that change how all words behind them are read, or that end a line of the text where they are assigned. */
const READING =
  /^(?:IFS|E?UID|PPID|BASH\w*|SHELLOPTS|POSIX\w+|PS\d|PROMPT\w*|ENV|LC_ALL|LC_CTYPE|LANG|ZSH\w*|ZDOTDIR)$/;
const NAME = /^[A-Za-z_]\w*$/;

/** Whether a variable of that name holds what it was given, and nothing else. */
export const isPlainName = (name: string): boolean => NAME.test(name) && !BASH.test(name) && !ZSH.test(name);

export const changesReading = (name: string): boolean => READING.test(name);
