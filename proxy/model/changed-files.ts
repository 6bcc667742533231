import type { ShellCommand } from "../../dialogue/shell/types.ts";
import type { ToolCall } from "../../dialogue/types.ts";

/** A file that a tool call would change, by the path that the call names. */
export interface ChangedFile {
  path: string;
  change: "write" | "edit" | "delete" | "move";
}

/** Tools of known agents that change one file, by name: Claude Code's, Gemini CLI's, Cline's, the reference MCP server's. */
const WRITES = /^(?:Write|write_file|create_file|write_to_file|save_file)$/;
const EDITS =
  /^(?:Edit|MultiEdit|NotebookEdit|Update|replace|edit_file|edit_block|replace_in_file|search_replace|append_file|multi_edit)$/;
const DELETES = /^(?:delete_file|remove_file)$/;
const MOVES = /^(?:move_file|rename_file)$/;
/** Anthropic's editor and memory tools say in an argument what they do. */
const EDITOR = /^(?:str_replace_(?:based_edit_tool|editor)|memory)$/;
const EDITOR_COMMANDS: Readonly<Record<string, ChangedFile["change"]>> = {
  create: "write",
  str_replace: "edit",
  insert: "edit",
  undo_edit: "edit",
  delete: "delete",
  rename: "move",
};
const PATHS = ["file_path", "notebook_path", "path", "absolute_path", "filename", "target_file"];
const MOVE_PATHS = ["source", "destination", "old_path", "new_path"];
const MOST = 64;
const LONGEST = 1_024;

/** What a tool call says that it would change of files. Contents stay in its arguments: this is on record at every level. */
export function changedFiles(
  { name, arguments: args = {} }: ToolCall,
  commands: readonly ShellCommand[],
): ChangedFile[] {
  // An MCP server's tool as Claude Code names it.
  const own = name.slice(name.startsWith("mcp__") ? name.lastIndexOf("__") + 2 : 0);
  return [...byName(own, args), ...patched(own, args), ...redirected(commands)]
    .slice(0, MOST)
    .map(({ path, change }) => ({ path: path.slice(0, LONGEST), change }));
}

function byName(name: string, args: Record<string, unknown>): ChangedFile[] {
  const change = changeOf(name, args);
  if (change === undefined) return [];
  const [path] = texts(args, PATHS);
  const moved = change === "move" ? texts(args, MOVE_PATHS) : [];
  return [...(path === undefined ? [] : [path]), ...moved].map((one) => ({ path: one, change }));
}

function changeOf(name: string, args: Record<string, unknown>): ChangedFile["change"] | undefined {
  if (EDITOR.test(name)) {
    const command = String(args.command);
    return Object.hasOwn(EDITOR_COMMANDS, command) ? EDITOR_COMMANDS[command] : undefined;
  }
  if (WRITES.test(name)) return "write";
  if (EDITS.test(name)) return "edit";
  if (DELETES.test(name)) return "delete";
  return MOVES.test(name) ? "move" : undefined;
}

function texts(args: Record<string, unknown>, keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const value = Object.hasOwn(args, key) ? args[key] : undefined;
    return typeof value === "string" && value !== "" ? [value] : [];
  });
}

const PATCH_LINE = /^\*\*\* (Add|Update|Delete) File: (.+)$|^\*\*\* (Move) to: (.+)$/gm;
const PATCH_CHANGES: Readonly<Record<string, ChangedFile["change"]>> = {
  Add: "write",
  Update: "edit",
  Delete: "delete",
  Move: "move",
};

/** Codex' patches, whose text names the files; OpenAI's `apply_patch_call` has an operation for each. */
function patched(name: string, args: Record<string, unknown>): ChangedFile[] {
  if (!/apply_patch/.test(name)) return [];
  const operation = args.operation as { type?: unknown; path?: unknown } | undefined;
  const one: ChangedFile[] =
    typeof operation?.path === "string"
      ? [
          {
            path: operation.path,
            change: operation.type === "delete_file" ? "delete" : operation.type === "create_file" ? "write" : "edit",
          },
        ]
      : [];
  return [...one, ...texts(args, ["input", "patch"]).flatMap(filesOfPatch)];
}

function filesOfPatch(text: string): ChangedFile[] {
  return [...text.matchAll(PATCH_LINE)].map(([, verb, path, move, to]) => ({
    path: (path ?? to ?? "").trim(),
    change: PATCH_CHANGES[verb ?? move ?? ""] ?? "edit",
  }));
}

const WRITING = /^(?:\d+|&)?>>?[|&]?$|^<>$/;

/** Files that a shell writes by redirection, where the text names them, and those of a patch that stands in it. */
function redirected(commands: readonly ShellCommand[]): ChangedFile[] {
  return commands.flatMap(({ redirects = [], argv, stdin }) => [
    ...redirects.flatMap(({ operator, file }): ChangedFile[] =>
      file === null || !WRITING.test(operator) || /^(?:\d+|-|\/dev\/.*)$/.test(file)
        ? []
        : [{ path: file, change: operator.includes(">>") ? "edit" : "write" }],
    ),
    ...(argv[0] === "apply_patch" ? [...argv.slice(1), stdin ?? ""].flatMap(filesOfPatch) : []),
    ...(argv[0] === "tee" ? argv.slice(1).filter((word) => !word.startsWith("-")) : []).map(
      (path): ChangedFile => ({ path, change: argv.includes("-a") ? "edit" : "write" }),
    ),
  ]);
}
