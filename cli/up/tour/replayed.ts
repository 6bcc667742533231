import { said, see, type TourStep } from "./step.ts";

export const replayed: TourStep = {
  title: "the agent's session is replayed from ClickHouse",
  async run({ agent, agentUser }) {
    const list = await agent.sallyport(["sessions", "list", "--output", "json"]).finished;
    see(list.code === 0, () => `\`sallyport sessions list\` failed: ${said(list)}`);
    const { items } = JSON.parse(list.stdout) as { items: { session_id: string; username: string }[] };
    const session = items.find(({ username }) => username === agentUser);
    see(session !== undefined, () => `the agent's session should be listed: ${said(list)}`);
    const replay = await agent.sallyport(["sessions", "replay", session.session_id]).finished;
    see(replay.code === 0, () => `\`sallyport sessions replay\` failed: ${said(replay)}`);
    for (const part of ["list pods", "rbac/cluster-role-binding", "workload/host-path", "secrets"]) {
      see(replay.stdout.includes(part), () => `the replay should show "${part}": ${said(replay)}`);
    }
    return {
      command: `sallyport sessions replay ${session.session_id}`,
      answer: replay.stdout,
      verified: ["the replay shows the read, the block, the hold with its approval, and the masked Secret"],
    };
  },
};
