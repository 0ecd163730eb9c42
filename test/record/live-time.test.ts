import { testLiveTime } from "../campaign/live-time.ts";

testLiveTime({ seconds: 20 });
