import type { Approval, Proposal } from "../../../approvals/types.ts";
import type { Person } from "../../../approvals/voters.ts";
import { digestOf, opened, people } from "../suite/fixtures.ts";
import { type GitHubRig, TEAM } from "./rig.ts";

/** Ways to have a request approved that nobody who may approved. The requester is corp:agent-alice, who acts for alice. */
export interface Attack {
  title: string;
  proposal?: Partial<Proposal>;
  people?: Person[];
  /** Before the request is made. */
  given?(rig: GitHubRig): Promise<void>;
  /** Everything until the merge, and the merge. */
  act(rig: GitHubRig, number: number, approval: Approval): Promise<unknown>;
  /** What the reason says. */
  because: string | RegExp;
}

/** Approves and merges by one login. */
const by = (login: string) => async (rig: GitHubRig, number: number) => {
  await rig.github.as(login).review(number, { state: "APPROVED" });
  await rig.github.as("mallory").merge(number);
};
const fileOf = ({ name }: Approval) => `exceptions/${name}.yaml`;
const branchOf = ({ proposal }: Approval) => `sallyport/${proposal.digest}`;
const TWO = [{ rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 2 }];
const owned = (owners: string) => (rig: GitHubRig) => rig.github.codeowners(`/exceptions/ ${owners}\n`);

const WHO: Attack[] = [
  {
    title: "the person that the requesting agent acts for approves",
    act: by("alice"),
    because: "nobody approves for themselves",
  },
  {
    title: "the requester's login approves in another case",
    act: by("ALICE"),
    because: "nobody approves for themselves",
  },
  {
    title: "the owner whom the session names approves, who is in nobody's list of that agent's",
    proposal: {
      requester: {
        issuer: "corp",
        username: "corp:agent-new",
        session: "s-1",
        owner: { issuer: "corp", username: "corp:bob@example.com" },
      },
    },
    act: by("bob"),
    because: "nobody approves for themselves",
  },
  { title: "the requester's second account approves, which nobody listed", act: by("alice-2"), because: "not listed" },
  {
    title: "an unlisted login approves that is in the team",
    given: async ({ github }) => github.team(TEAM, ["mallory"]),
    act: by("mallory"),
    because: "mallory is not listed",
  },
  {
    title: "a login approves that is listed for two people",
    people: [...people, { identities: ["corp:eve@example.com"], agents: [], github: "bob" }],
    act: by("bob"),
    because: "bob is not listed",
  },
  { title: "a listed person approves who is in no team of the approvers", act: by("carol"), because: "0 of the 1" },
  {
    title: "somebody approves who was only invited to the team",
    given: async ({ github }) => github.team(TEAM, ["bob"], "pending"),
    act: by("bob"),
    because: "0 of the 1",
  },
  {
    title: "somebody approves whose team's members the app may not read",
    given: async ({ github }) => {
      delete github.permissions.members;
    },
    act: by("bob"),
    because: "0 of the 1",
  },
  {
    title: "a member of a group approves that no team stands for, where there is no CODEOWNERS",
    proposal: { requirements: [{ rules: ["workload/host-path"], approvers: ["group:corp:dba"], required: 1 }] },
    act: by("bob"),
    because: "0 of the 1",
  },
  {
    title: "nobody reviews and it is merged",
    act: ({ github }, n) => github.as("bob").merge(n),
    because: "0 of the 1",
  },
  {
    title: "one person approves twice where two are asked for",
    proposal: { requirements: TWO },
    act: async (rig, n) => {
      await rig.github.as("bob").review(n, { state: "APPROVED" });
      await by("Bob")(rig, n);
    },
    because: "1 of the 2",
  },
  {
    title: "two logins of one person approve where two people are asked for",
    proposal: { requirements: TWO },
    people: [...people, { identities: ["corp:bob@example.com"], agents: [], github: "bob-home" }],
    given: async ({ github }) => github.team(TEAM, ["bob", "bob-home"]),
    act: async (rig, n) => {
      await rig.github.as("bob").review(n, { state: "APPROVED" });
      await by("bob-home")(rig, n);
    },
    because: "1 of the 2",
  },
  {
    title: "one of two requirements is met",
    proposal: {
      rules: ["workload/host-path", "rbac/cluster-admin"],
      requirements: [
        { rules: ["workload/host-path"], approvers: ["group:corp:oncall"], required: 1 },
        { rules: ["rbac/cluster-admin"], approvers: ["user:corp:dora@example.com"], required: 1 },
      ],
    },
    act: by("bob"),
    because: "user:corp:dora@example.com",
  },
  {
    title: "an approver approves who is no code owner",
    given: owned("@dora"),
    act: by("bob"),
    because: "no code owner",
  },
  {
    title: "an approver approves whom CODEOWNERS names by an e-mail address",
    given: owned("bob@example.com"),
    act: by("bob"),
    because: "no code owner",
  },
  {
    title: "a code owner approves who is no approver of the guardrail",
    given: owned("@carol"),
    act: by("carol"),
    because: "0 of the 1",
  },
  {
    title: "a bot approves that has a listed login",
    people: [...people, { identities: ["corp:robot"], agents: [], github: "robot[bot]" }],
    given: async ({ github }) => github.team(TEAM, ["robot[bot]"]),
    act: by("robot[bot]"),
    because: "not listed",
  },
];

const WHEN: Attack[] = [
  {
    title: "an approver comments that it looks good, and approves nothing",
    act: async ({ github }, n) => {
      await github.as("bob").review(n, { state: "COMMENTED", body: "LGTM, approved" });
      await github.as("mallory").merge(n);
    },
    because: "0 of the 1",
  },
  {
    title: "an approval was followed by a request for changes",
    act: async ({ github }, n) => {
      await github.as("bob").review(n, { state: "APPROVED" });
      await github.as("bob").review(n, { state: "CHANGES_REQUESTED", body: "wait" });
      github.protection = undefined;
      await github.as("mallory").merge(n);
    },
    because: "bob asks for changes",
  },
  {
    title: "an approval was dismissed before the merge",
    act: async ({ github }, n) => {
      const { id } = await github.as("bob").review(n, { state: "APPROVED" });
      await github.as("dora").dismiss(n, id);
      await github.as("mallory").merge(n);
    },
    because: "bob was dismissed",
  },
  {
    title: "an approval was dismissed after the merge",
    act: async (rig, n) => {
      const { id } = await rig.github.as("bob").review(n, { state: "APPROVED" });
      await rig.github.as("mallory").merge(n);
      await rig.github.as("dora").dismiss(n, id);
    },
    because: "bob was dismissed",
  },
  {
    title: "a newer approval that was dismissed does not bring an older one back",
    act: async ({ github }, n) => {
      await github.as("bob").review(n, { state: "APPROVED" });
      const { id } = await github.as("bob").review(n, { state: "APPROVED" });
      await github.as("dora").dismiss(n, id);
      await github.as("mallory").merge(n);
    },
    because: "bob was dismissed",
  },
  {
    title: "a review is of a commit that is not the one that was merged",
    act: async ({ github }, n) => {
      const main = await github.state.git.ref("refs/heads/main");
      await github.as("bob").review(n, { state: "APPROVED", ...(main !== undefined && { commitId: main }) });
      await github.as("mallory").merge(n);
    },
    because: "another commit",
  },
];

const WHAT: Attack[] = [
  {
    title: "another file is pushed onto the branch after the review",
    act: async (rig, n, approval) => {
      await rig.github.as("bob").review(n, { state: "APPROVED" });
      await rig.github.as("mallory").push(branchOf(approval), { "exceptions/mine.yaml": "kind: PolicyException\n" });
      await rig.github.as("mallory").merge(n);
    },
    because: /pushed to|commits|files/,
  },
  {
    title: "another file is pushed and reviewed as well",
    act: async (rig, n, approval) => {
      await rig.github.as("mallory").push(branchOf(approval), { ".github/CODEOWNERS": "* @mallory\n" });
      await by("bob")(rig, n);
    },
    because: /pushed to|commits|files/,
  },
  {
    title: "the file is changed and reviewed as it is then",
    act: async (rig, n, approval) => {
      const changed = approval.file.replace("workload/host-path", "rbac/cluster-admin");
      await rig.github.as("mallory").push(branchOf(approval), { [fileOf(approval)]: changed });
      await by("bob")(rig, n);
    },
    because: /pushed to|commits|bytes/,
  },
  {
    title: "the branch's commit is replaced by one with the same message and another file",
    act: async (rig, n, approval) => {
      const { github } = rig;
      const head = await github.state.git.commit(github.state.pull(n).headSha);
      const files = { [fileOf(approval)]: approval.file.replace("maxUses: 1", "maxUses: 999") };
      await github.as("mallory").push(branchOf(approval), files, { force: true, message: head?.message ?? "" });
      await by("bob")(rig, n);
    },
    because: /pushed to|bytes|key/,
  },
  {
    title: "the branch's commit is replaced by one with the same message and a file more",
    act: async (rig, n, approval) => {
      const { github } = rig;
      const head = await github.state.git.commit(github.state.pull(n).headSha);
      const files = { [fileOf(approval)]: approval.file, "exceptions/mine.yaml": "kind: PolicyException\n" };
      await github.as("mallory").push(branchOf(approval), files, { force: true, message: head?.message ?? "" });
      await by("bob")(rig, n);
    },
    because: /pushed to|files/,
  },
  {
    title: "a signed commit of another request is put on top of the branch",
    act: async (rig, n, approval) => {
      const { github } = rig;
      const other = await opened(rig.home, { digest: digestOf(77) });
      const signed = await github.state.git.commit(github.state.pull((await rig.number(other.name)) || 0).headSha);
      const files = { [fileOf(other)]: other.file };
      await github.as("mallory").push(branchOf(approval), files, { message: signed?.message ?? "" });
      await by("bob")(rig, n);
    },
    because: /pushed to|commits/,
  },
  {
    title: "the description is rewritten before an approver reads it",
    act: async (rig, n) => {
      await rig.github.as("mallory").edit(n, { body: "Deletes one pod that nobody needs." });
      await by("bob")(rig, n);
    },
    because: "its title or its text was edited",
  },
  {
    title: "a sentence is added below the description",
    act: async (rig, n) => {
      const { body } = rig.github.state.pull(n);
      await rig.github.as("mallory").edit(n, { body: `${body}\nAll of it was tried on staging.` });
      await by("bob")(rig, n);
    },
    because: "its title or its text was edited",
  },
  {
    title: "the title is rewritten before an approver reads it",
    act: async (rig, n) => {
      await rig.github.as("mallory").edit(n, { title: "delete pod a/idle" });
      await by("bob")(rig, n);
    },
    because: "its title or its text was edited",
  },
  {
    title: "the description of another request is shown for it, as the gateway signed it",
    act: async (rig, n) => {
      const other = await opened(rig.home, { digest: digestOf(78) });
      const { title, body } = rig.github.state.pull(await rig.number(other.name));
      await rig.github.as("mallory").edit(n, { title, body: body ?? "" });
      await by("bob")(rig, n);
    },
    because: /edited|does not show/,
  },
  {
    title: "the description is rewritten while an approver reads it, and put back before the merge",
    act: async (rig, n) => {
      const { body } = rig.github.state.pull(n);
      await rig.github.as("mallory").edit(n, { body: "Deletes one pod that nobody needs." });
      await rig.home.refresh();
      await rig.github.as("mallory").edit(n, { body: body ?? "" });
      await rig.github.as("bob").review(n, { state: "APPROVED" });
      await rig.github
        .as("mallory")
        .merge(n)
        .catch(() => undefined); // it may be closed by now
    },
    because: "its title or its text was edited",
  },
  {
    title: "the merged file is changed on main at once",
    act: async (rig, n, approval) => {
      await by("bob")(rig, n);
      await rig.github.as("mallory").push("main", { [fileOf(approval)]: `${approval.file}# more\n` });
    },
    because: /not on main|main/,
  },
  {
    title: "the branch is pushed to main past the pull request",
    act: async ({ github }, n) => github.as("mallory").forcePush("main", github.state.pull(n).headSha),
    because: "0 of the 1",
  },
  {
    title: "a comment of somebody else says that it was approved, in the gateway's own words",
    act: async ({ github }, n, { name }) => {
      const record = `Sallyport-Record: {"kind":"outcome","name":"${name}","state":"consumed"}`;
      await github.as("mallory").comment(n, `<!--\n${record}\nSallyport-Mac: ${"0".repeat(64)}\n-->`);
      await github.as("mallory").merge(n);
    },
    because: "0 of the 1",
  },
];

/** `replayed`: a gateway that starts afterwards is asked as well, of each in `npm run test:all`. */
export const ATTACKS: readonly (Attack & { replayed: boolean })[] = [
  ...[...WHO, ...WHEN].map((attack) => ({ ...attack, replayed: false })),
  ...WHAT.map((attack) => ({ ...attack, replayed: true })),
];
