import { SubjectKeys } from "../../audit/personal/subject-keys.ts";
import { systemClock } from "../../base/clock.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { UserError } from "../../base/errors.ts";
import type { Answer } from "../action.ts";
import { printable } from "../style.ts";

const ELSEWHERE =
  "What is left: rows from before audit.personal was set, contents that name the person (levels Request and RequestResponse), the approvals repository, the API server's own audit log, and copies of the key folder in backups.";

/**
 * `audit forget <subject>`: destroys the key under which a person's fields are sealed. A gateway that runs notices within a
 * second. Exit 1 where there is no such key.
 */
export async function forgetSubject(subject: string, options: { config: string; yes?: boolean }): Promise<Answer> {
  const { personal } = loadGatewayConfig(options.config).audit;
  if (personal === undefined) {
    throw new UserError(`${options.config} seals no personal fields`, {
      exitCode: 2,
      next: "Set audit.personal: {fields: [username], keys: ./personal-keys}; what is recorded from then on can be forgotten.",
    });
  }
  const keys = new SubjectKeys(personal.keys);
  if (!keys.has(subject)) {
    return {
      json: { subject, forgotten: false },
      text: printable(
        `nothing is sealed for ${subject}: give the username as it is on record, with its issuer's prefix`,
      ),
      exitCode: 1,
    };
  }
  if (options.yes !== true) {
    throw new UserError(`this makes ${subject} unreadable in the whole record, for everybody and for good`, {
      exitCode: 2,
      next: "Say --yes to do it. The chain and its checkpoints stay valid.",
    });
  }
  const forgotten = keys.forget(subject, systemClock.now());
  return {
    json: { subject, forgotten },
    text: `${printable(subject)} is forgotten. ${ELSEWHERE}`,
    exitCode: forgotten ? 0 : 1,
  };
}
