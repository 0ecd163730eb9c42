import { testRetentionRace } from "../sync/retention-race.ts";

testRetentionRace({ runs: 1000 });
