import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Few enough for memory, and so many that what is still in use is gone by the next time: what is seen in use twice stays for long. */
const COLLECT_BYTES = 8 * 1024 * 1024;

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;
let bytesSince = 0;

/**
 * Tells that `bytes` outside of V8's heap are needed no more: what the network or SQLite has brought. V8 knows little of them: left
 * alone, it holds 64 MB of them, and then looks through all of its heap.
 */
export function discard(bytes: number): void {
  bytesSince += bytes;
  if (bytesSince < COLLECT_BYTES) return;
  bytesSince = 0;
  collect ??= findCollect();
  collect({ type: "minor" });
}

/**
 * V8 looks through a small heap again when it has grown by 16 MB, but begins with it as soon as less than 16 MB are left: always. To be called
 * before anything else runs. With a heap that may double, it does so when there is something to find.
 */
export function letHeapDouble(): void {
  setFlagsFromString("--heap-growing-percent=250");
}

/** V8 shows it to contexts that are made after it was asked to. */
function findCollect(): Collect {
  setFlagsFromString("--expose-gc");
  const found: Collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return found;
}
