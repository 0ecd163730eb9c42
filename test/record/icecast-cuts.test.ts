import { testIcecastCuts } from "../campaign/icecast-cuts.ts";

testIcecastCuts({ showsPerFormat: 1, cuts: 4 });
