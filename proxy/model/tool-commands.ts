import type { ToolCall } from "../../dialogue/types.ts";
import type { DialogueInput } from "../../engine/input.ts";
import type { ExpectedRequest } from "./dialogues.ts";

/** What a tool call would run, as far as its text says. */
export interface ToolCommands {
  /** `input.tool.commands`. */
  forPolicy: NonNullable<DialogueInput["tool"]>["commands"];
  expects: readonly ExpectedRequest[];
  /** How many commands could not be read. */
  unparsed: number;
}

export function commandsOf(_call: ToolCall): ToolCommands {
  return { forPolicy: [], expects: [], unparsed: 0 };
}
