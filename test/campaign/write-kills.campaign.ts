import { testWriteKills } from "./write-kills.ts";

testWriteKills({ first: 1, step: 1 });
