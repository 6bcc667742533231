import { describe, expect, test } from "vitest";
import { opened } from "../suite/fixtures.ts";
import { ATTACKS } from "./attacks.ts";
import { githubRig } from "./rig.ts";

describe("a merge on GitHub approves nothing where", () => {
  test.each(ATTACKS)("$title", async ({ proposal = {}, people, given, act, because, replayed }) => {
    const rig = await githubRig({ github: { memory: true }, ...(people !== undefined && { people }) });
    // What is protected would never be merged: here nothing is, and the gateway's own count is what there is.
    rig.github.protection = undefined;
    await given?.(rig);
    await rig.home.refresh();
    const approval = await opened(rig.home, proposal);
    await act(rig, await rig.number(approval.name), approval);
    await rig.home.refresh();

    const now = await rig.now(approval.name);
    expect(now.ended?.reason).toMatch(because);
    expect(now.state).toMatch(/cancelled|revoked/);
    expect(await rig.home.use(approval.name, "exchange-1")).toMatchObject({ ok: false });

    if (!replayed && process.env.SALLYPORT_TEST_ALL !== "1") return;
    // Nor for a gateway that starts now, and saw nothing of it happen.
    const other = await rig.open();
    expect((await other.find(approval.proposal.digest))?.state).not.toBe("approved");
    expect(await other.use(approval.name, "exchange-2")).toMatchObject({ ok: false });
    expect(await rig.github.state.git.refs("refs/sallyport/used/")).toEqual([]);
    expect(rig.github.unknown).toEqual([]);
  });
});
