import { embeddedRig } from "./embedded-rig.ts";
import { behaviours } from "./suite/suite.ts";

behaviours("the embedded home", embeddedRig);
