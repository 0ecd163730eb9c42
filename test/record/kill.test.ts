import { testRandomKills } from "../campaign/random-kills.ts";

testRandomKills({ rounds: 9 });
