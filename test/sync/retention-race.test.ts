import { testRetentionRace } from "./retention-race.ts";

testRetentionRace({ runs: 15 });
