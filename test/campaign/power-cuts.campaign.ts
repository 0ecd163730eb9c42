import { testPowerCuts } from "./power-cuts.ts";

testPowerCuts({ cuts: 20 });
