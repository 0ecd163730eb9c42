import { testLiveTime } from "./live-time.ts";

testLiveTime({ seconds: 600 });
