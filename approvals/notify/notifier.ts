import type { TargetConfig } from "./endpoint.ts";
import type { NotificationEvent } from "./event.ts";
import { Target, type TargetDeps } from "./target.ts";

export interface Notifier {
  /** Tells every target, at its own pace: returns at once, and never throws. */
  notify(event: NotificationEvent): void;
  /** How many news were given up, by target. */
  givenUp(): Record<string, number>;
  /** Gives up what still waits. */
  close(): Promise<void>;
}

/**
 * Tells people of approvals where the configuration's `notifications` say. Nothing is decided there: what is sent has
 * links, and no way to answer. Throws a UserError (exit 2) where a target's files are missing or wrong.
 */
export function createNotifier(configs: readonly TargetConfig[], deps: TargetDeps): Notifier {
  const targets = configs.map((config) => ({ name: config.name, target: new Target(config, deps) }));
  return {
    notify(event) {
      for (const { target } of targets) target.add(event);
    },
    givenUp: () => Object.fromEntries(targets.map(({ name, target }) => [name, target.givenUp])),
    async close() {
      await Promise.all(targets.map(({ target }) => target.close()));
    },
  };
}
