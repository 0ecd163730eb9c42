import { testWriteKills } from "../campaign/write-kills.ts";
import { createRandom } from "../support/random.ts";

/** Every call is hit under `npm run test:faults`; a few of them here, others in each run. */
const STEP = 60;

/** Each series has more calls than this. */
const FIRST_MAX = 15;

testWriteKills({ first: 1 + Math.floor(createRandom().random() * FIRST_MAX), step: STEP });
