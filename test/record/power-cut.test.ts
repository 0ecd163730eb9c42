import { testPowerCuts } from "../campaign/power-cuts.ts";

testPowerCuts({ cuts: 2 });
