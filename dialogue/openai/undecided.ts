/** Why a call cannot be decided, in words for the model; they hold nothing of it. */
export function undecided(why: string): string {
  return `A tool call was refused by the gateway, since it could not be judged: ${why}. Call the tool again, with its arguments as one valid JSON object.`;
}
