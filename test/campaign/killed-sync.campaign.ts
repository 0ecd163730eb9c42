import { testKilledSync } from "../sync/killed-sync.ts";

testKilledSync({ kills: 1000 });
