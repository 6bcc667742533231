import { expect, test } from "vitest";
import type { Exchange } from "../../github/dispatch.ts";
import { PublishedShapes } from "../../github/openapi.ts";
import { alice, bob, digestOf, dora, opened, START } from "../suite/fixtures.ts";
import { githubRig } from "./rig.ts";

test("all that the home asks of GitHub, and is answered, is as GitHub's published description has it", async () => {
  const seen: Exchange[] = [];
  const rig = await githubRig({ github: { memory: true, onExchange: (exchange) => void seen.push(exchange) } });
  const { home } = rig;
  let n = 0;
  const hold = (more = {}) => opened(home, { digest: digestOf(++n), ...more });

  const used = await hold();
  await rig.approve(used.name, bob);
  await home.use(used.name, "exchange-1");
  const revoked = await hold();
  await rig.approve(revoked.name, bob);
  await home.revoke(revoked.name, bob, { reason: "a mistake" });
  await rig.deny((await hold()).name, bob, "not today");
  await home.deny((await hold()).name, bob, { reason: "not today either" });
  const broken = await hold();
  await home.breakGlass(broken.name, alice, { reason: "fire" }, { validForSeconds: 300, reviewWithinSeconds: 3600 });
  await rig.review(broken.name, dora, "accepted", "it was on fire");
  const batched = [await hold({ batch: true }), await hold({ batch: true })];
  await rig.approve(batched[0]?.name ?? "", bob);
  await hold({ requester: { issuer: "corp", username: "corp:agent-bob", session: "s-2" } });
  await home.kill({ session: "s-2", by: bob.username, reason: "wild", at: START, until: START + 900_000 });
  await rig.putStanding("not-one", "kind: Nothing\n", bob);
  await home.refresh();
  rig.clock.time += 1_000_000;
  await home.refresh();
  await rig.open();
  await home.close();

  const published = new PublishedShapes();
  const wrong = seen.flatMap(({ method, pattern = "", sent, status, body }) => [
    ...published.answer(method, pattern, status, body).map((text) => `${method} ${pattern} ${status}: ${text}`),
    ...(method === "GET" ? [] : published.request(method, pattern, sent)).map(
      (text) => `${method} ${pattern}: ${text}`,
    ),
  ]);
  expect([...new Set(wrong)]).toEqual([]);
  expect(rig.github.unknown).toEqual([]);
  // That there was something to compare.
  expect(new Set(seen.map(({ method, pattern }) => `${method} ${pattern}`)).size).toBeGreaterThan(20);
});
