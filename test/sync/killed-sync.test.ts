import { testKilledSync } from "./killed-sync.ts";

testKilledSync({ kills: 50 });
