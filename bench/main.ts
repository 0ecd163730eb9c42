/** Runs the benchmark that is named as the first argument: `npm run bench -- record`. */
import { Command } from "commander";

import { addRecordBench } from "./record.ts";
import { addReceiversBench } from "./receivers.ts";
import { addSyncGrowthBench } from "./sync-growth.ts";
import { addSyncBench } from "./sync.ts";

const program = new Command("npm run bench --")
  .description(
    "measures the program side by side with what it is held against; exits 1 when a bound is exceeded",
  )
  .showHelpAfterError();
addRecordBench(program);
addReceiversBench(program);
addSyncBench(program);
addSyncGrowthBench(program);
await program.parseAsync();
