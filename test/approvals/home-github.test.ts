import { githubRig } from "./github/rig.ts";
import { behaviours } from "./suite/suite.ts";

behaviours("the home on GitHub", githubRig);
