import { randomBytes } from "node:crypto";

/** Somebody that the development issuer knows. */
export interface DevelopmentUser {
  login: string;
  email: string;
  groups: string[];
  /** Random, unless a test names one: the agent under watch runs on the same machine as this issuer. */
  password: string;
}

/** alice may approve; agent is the coding agent of the tour; bob owns it, and may not approve. */
export function developmentUsers(): DevelopmentUser[] {
  const password = (): string => randomBytes(12).toString("base64url");
  return [
    { login: "alice", email: "alice@example.com", groups: ["sre", "audit"], password: password() },
    { login: "bob", email: "bob@example.com", groups: ["devs"], password: password() },
    { login: "agent", email: "agent@example.com", groups: ["devs", "agents"], password: password() },
  ];
}
