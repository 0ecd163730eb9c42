import { testWriteKills } from "../campaign/write-kills.ts";
import { createRandom } from "../support/random.ts";

/** Every call is hit under `npm run test:faults`; a few of them here, others in each run. */
const STEP = 60;

testWriteKills({ first: 1 + Math.floor(createRandom().random() * STEP), step: STEP });
