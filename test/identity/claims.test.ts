import { describe, expect, it } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { claimAt, mapClaims } from "../../identity/claims.ts";
import { rolesOf } from "../../identity/roles.ts";
import { issuerConfig } from "./rig.ts";

const config = (claims: Record<string, string>) => issuerConfig({ claims: { username: "sub", ...claims } });

describe("groups", () => {
  it("are never split on commas (Pomerium reproxy)", () => {
    const mapped = mapClaims(config({ groups: "groups" }), { sub: "u", groups: ["dev,system:masters"] });
    expect(mapped.groups).toEqual(["corp:dev,system:masters"]);
  });
  it("named like the cluster's own stay behind their prefix (Pomerium reproxy)", () => {
    const mapped = mapClaims(config({ groups: "groups" }), { sub: "u", groups: ["system:masters"] });
    expect(mapped.groups).toEqual(["corp:system:masters"]);
  });
  it("may be one string, which is one group", () => {
    expect(mapClaims(config({ groups: "groups" }), { sub: "u", groups: "a b" }).groups).toEqual(["corp:a b"]);
  });
  it("may stand at a nested path", () => {
    const claims = { sub: "u", realm_access: { roles: ["dev", "dev", "ops"] } };
    expect(mapClaims(config({ groups: "realm_access.roles" }), claims).groups).toEqual(["corp:dev", "corp:ops"]);
  });
  it("may stand under a name that is a URL", () => {
    const name = "https://example.com/groups";
    expect(mapClaims(config({ groups: name }), { sub: "u", [name]: ["dev"] }).groups).toEqual(["corp:dev"]);
  });
  it("are none where the token has none", () => {
    expect(mapClaims(config({ groups: "groups" }), { sub: "u" }).groups).toEqual([]);
  });
  it("that a prefix would complete to one of the cluster's own are refused", () => {
    const odd = { ...config({ groups: "groups" }), prefix: { username: "corp:", groups: "sys" } };
    expect(() => mapClaims(odd, { sub: "u", groups: ["tem:masters"] })).toThrow(Refusal);
  });
});

describe("a claim's path", () => {
  it("never reaches what an object inherits", () => {
    expect(claimAt({}, "constructor.name")).toBeUndefined();
    expect(claimAt({ a: [] }, "a.length")).toBeUndefined();
  });
});

describe("roles", () => {
  const roles = { approver: ["group:corp:sre"], auditor: ["user:corp:eve"], breakGlass: [] };
  it("come from the configuration's users and groups", () => {
    expect(rolesOf({ roles }, { username: "corp:eve", groups: ["corp:sre"] })).toEqual(["approver", "auditor"]);
  });
  it("are not got by a username that looks like a group", () => {
    expect(rolesOf({ roles }, { username: "group:corp:sre", groups: ["user:corp:eve"] })).toEqual([]);
  });
});
