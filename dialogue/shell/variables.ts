import type { ParsedScript } from "unbash";
import { type Assigned, assignedIn } from "./assigned.ts";
import { switchesCluster } from "./overrides.ts";
import { isPlainName } from "./special-names.ts";
import { NOTHING_CARRIED, type Survey, survey } from "./survey.ts";

/** What is known of variables where a word stands: the value, or undefined. */
export type Known = (name: string) => string | undefined;

/** Doubled again and again, a value would grow out of all bounds. */
const MAX_VALUE = 1024;
const MAX_SWITCHES = 8;

/**
 * A shell's variables on the way through a text: constants that are certain at a place, and what it may have set by then
 * of the variables that switch to another cluster.
 */
export class Variables {
  readonly #survey: Survey;
  readonly #all: Assigned;
  readonly #values: Map<string, string>;
  readonly #switches: Map<string, ReadonlySet<string | null>>;
  readonly lookup: Known = (name) => this.#values.get(name);

  private constructor(
    survey: Survey,
    all: Assigned,
    values: ReadonlyMap<string, string>,
    switches: Map<string, ReadonlySet<string | null>>,
  ) {
    this.#survey = survey;
    this.#all = all;
    this.#values = new Map(values);
    this.#switches = switches;
  }

  /** Of a shell that begins with this text. */
  static of(script: ParsedScript, source: string): Variables {
    return new Variables(survey(script, source), assignedIn(script), new Map(), new Map());
  }

  /** Of a shell that this one starts with a text: it gets what is exported, which is not followed. */
  started(script: ParsedScript, source: string): Variables {
    const own = this.#survey.carries ? survey(script, source) : NOTHING_CARRIED;
    return new Variables(own, assignedIn(script), new Map(), new Map(this.#switches));
  }

  /** Of this shell, in a text that it evaluates: nothing is known of what stands around it. */
  evaluating(script: ParsedScript): Variables {
    return new Variables(NOTHING_CARRIED, assignedIn(script), new Map(), this.#switches);
  }

  /** Of a shell that begins as this one is, and whose changes are its own. */
  fork(): Variables {
    return new Variables(this.#survey, this.#all, this.#values, new Map(this.#switches));
  }

  /** In a function's body, which runs when it is called. */
  called(): Variables {
    const inside = new Variables(NOTHING_CARRIED, this.#all, new Map(), new Map(this.#switches));
    inside.forget(this.#all);
    return inside;
  }

  /** A variable gets this value for certain; null where it is not known. */
  set(name: string, value: string | null): void {
    if (switchesCluster(name)) this.#switches.set(name, new Set([value]));
    if (value !== null && value.length <= MAX_VALUE && this.carries(name)) this.#values.set(name, value);
    else this.#values.delete(name);
  }

  /** It is not known any more, and was set for no later command. */
  drop(name: string): void {
    this.#values.delete(name);
  }

  /** Whether the text alone decides what such a variable holds. */
  carries(name: string): boolean {
    return this.#survey.carries && !this.#survey.left.has(name) && isPlainName(name);
  }

  /** These may have been assigned. */
  forget(assigned: Assigned): void {
    for (const [name, values] of assigned) {
      this.#values.delete(name);
      if (!switchesCluster(name)) continue;
      const all = new Set(this.#switches.get(name));
      for (const value of values) if (all.add(value).size > MAX_SWITCHES) break;
      this.#switches.set(name, all.size > MAX_SWITCHES ? new Set([null]) : all);
    }
  }

  /** What was set that switches to another cluster, each by all values that it may have. */
  switches(): { name: string; value: string | null }[] {
    return [...this.#switches].flatMap(([name, values]) => [...values].map((value) => ({ name, value })));
  }
}
