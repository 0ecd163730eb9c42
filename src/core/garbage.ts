import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Few enough for memory, and so many that what is in use now is not by the next time: what is found in use twice stays for long. */
const COLLECT_BYTES = 4 * 1024 * 1024;

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;
let bytesSince = 0;

/**
 * Tells that `bytes` that the network or SQLite brought are needed no more, which lie outside of V8's heap. V8 knows little of them: left
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
 * Lets V8's heap grow to three times and a half before V8 looks through all of it; to be called before anything else runs. Left alone, a
 * heap of 13 MB may grow by 16 MB, and V8 begins to look as soon as no more than 16 MB are left: always. Heaps here are small; one of
 * 60 MB could become 210.
 */
export function letHeapGrow(): void {
  setFlagsFromString("--heap-growing-percent=250");
}

/** V8 shows it to contexts that are made after it was asked to. */
function findCollect(): Collect {
  setFlagsFromString("--expose-gc");
  const found: Collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return found;
}
