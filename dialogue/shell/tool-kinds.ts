/** What a tool does with a command that stands in its arguments, as far as its name says. */
export type ToolKind =
  /** Runs it where the agent is: Claude Code's Bash, Codex' shell and exec_command, Gemini's run_shell_command. */
  | "shell"
  | "powershell"
  /** Types it into something that runs already: Codex' write_stdin, Copilot's write_bash, a terminal's keys. */
  | "typed"
  /** Is kubectl or helm, and takes their words. */
  | "kubectl"
  /** Runs it in a pod, in a container or on another machine, or makes something of its own of it. */
  | "elsewhere"
  /** Anthropic's editor and memory tools, whose `command` is a verb of their own. */
  | "editor"
  | "other";

const EDITOR = /^(?:str_replace_(?:based_edit_tool|editor)|text_editor\w*|memory)$/;
const PROGRAM = /^(?:(?:execute|run|call|exec|use)_?)?(kubectl|helm)(?:_?(?:command|cmd|cli))?$/i;
const TYPED =
  /write_?(?:to_?)?(?:stdin|bash|shell|terminal|process)|send_?(?:keys|stdin|input)|terminal_(?:input|write|send)/i;
const ELSEWHERE = /kube|k8s|helm|(?:^|[^a-z])pods?(?:[^a-z]|$)|container|docker|podman|(?:^|[^a-z])ssh|remote/i;
const SHELL = /bash|shell|terminal|(?:^|[^a-z])exec|execute|run_?command|run_?cmd|console/i;

export function toolKind(name: string): ToolKind {
  const own = ownName(name);
  if (EDITOR.test(own)) return "editor";
  if (PROGRAM.test(own)) return "kubectl";
  if (TYPED.test(name)) return "typed";
  if (ELSEWHERE.test(name)) return "elsewhere";
  if (/powershell|pwsh/i.test(name)) return "powershell";
  return SHELL.test(name) ? "shell" : "other";
}

/** The program that a tool of kind `kubectl` is. */
export const programOfTool = (name: string): string => (PROGRAM.exec(ownName(name))?.[1] ?? "kubectl").toLowerCase();

/** A tool of an MCP server is named `mcp__server__tool` by Claude Code, and by others with a dot or a slash. */
const ownName = (name: string): string => name.replace(/^.*(?:__|[./:])/s, "");
