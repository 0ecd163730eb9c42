import { testIcecastCuts } from "./icecast-cuts.ts";

testIcecastCuts({ showsPerFormat: 5, cuts: 20 });
