import { testRandomKills } from "./random-kills.ts";

/** With six shows a round, all blocks together are 1,008 kills. A block keeps its databases small. */
const BLOCKS = 12;
const ROUNDS = 14;

for (let block = 0; block < BLOCKS; block++) testRandomKills({ rounds: ROUNDS });
