import { text } from "./layer.ts";
import type { Arg, Simple } from "./simple.ts";
import type { UnparsedReason } from "./types.ts";
import type { Wrapper } from "./wrappers.ts";

/** The words behind a wrapper's own options, and the variables that it sets. */
export function options(
  args: readonly Arg[],
  wrapper: Wrapper,
): { rest: Arg[]; set: Simple["assignments"]; seen: string[] } | "query" | UnparsedReason {
  const { valued = "", plain = "", long = [], longPlain = [], query = "" } = wrapper;
  const set: Simple["assignments"] = [];
  const seen: string[] = [];
  let i = 0;
  for (; i < args.length; i++) {
    const arg = args[i] as Arg;
    if ("unparsed" in arg) {
      // An option that is not known may swallow the next word; a value or a file may not.
      if (wrapper.assigns && /^[A-Za-z_]\w*=/.test(arg.text)) {
        set.push({ name: arg.text.slice(0, arg.text.indexOf("=")), value: null });
        continue;
      }
      if ((wrapper.skip ?? 0) > 0) break;
      return arg.unparsed;
    }
    const word = arg.value;
    const equals = word.indexOf("=");
    if (wrapper.assigns && /^[A-Za-z_]\w*=/.test(word)) {
      set.push({ name: word.slice(0, equals), value: word.slice(equals + 1) });
    } else if (word === "--") {
      // Behind it sudo and env still take assignments.
      if (wrapper.assigns) continue;
      i++;
      break;
    } else if (word === "-" && wrapper.assigns) {
      set.push({ name: "HOME", value: "" });
    } else if (word.startsWith("--")) {
      const option = word.slice(2, equals < 0 ? undefined : equals);
      if (option === "help" || option === "version") return "query";
      if (option === "ignore-environment") set.push({ name: "HOME", value: "" });
      if (option === "unset")
        set.push({ name: equals < 0 ? text(args[i + 1] ?? arg) : word.slice(equals + 1), value: "" });
      seen.push(option);
      if (long.includes(option)) i += equals < 0 ? 1 : 0;
      else if (!longPlain.includes(option)) return "wrapper";
    } else if (word.startsWith("-") && word.length > 1) {
      for (let j = 1; j < word.length; j++) {
        const letter = word[j] ?? "";
        seen.push(letter);
        if (query.includes(letter)) return "query";
        if (valued.includes(letter)) {
          const value = j === word.length - 1 ? text(args[++i] ?? arg) : word.slice(j + 1);
          if (wrapper.assigns && letter === "u" && wrapper.plain?.includes("i")) set.push({ name: value, value: "" });
          break;
        }
        // env -i leaves nothing, sudo -i and -H take another's.
        if (/[iH]/.test(letter) && wrapper.assigns) set.push({ name: "HOME", value: "" });
        if (!plain.includes(letter)) return "wrapper";
      }
    } else break;
  }
  return { rest: args.slice(i), set, seen };
}
