import { type Server, wireBehaviours } from "./behaviours.ts";
import { call, github } from "./rig.ts";

/** The same on the double, so that it and the others are one GitHub. */
async function double(): Promise<Server> {
  const started = await github({ memory: true });
  const token = started.token("alice");
  return {
    home: { repository: started.repository, credential: started.app, baseUrl: started.url },
    async get(path) {
      const { status, body } = await call(started, token, `GET /repos/R${path}`);
      return status === 404 ? undefined : body;
    },
  };
}

wireBehaviours("the double", double);
