import { testSyncWriteKills } from "../sync/sync-write-kills.ts";

testSyncWriteKills({ first: 1, step: 1 });
