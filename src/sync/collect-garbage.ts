import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;

/**
 * Frees what the network has brought and nobody holds any more. Each read of it is 64 KiB outside of V8's heap, of which V8 knows
 * little: left alone, it looks for garbage when there are 64 MB of it.
 */
export function collectGarbage(): void {
  collect ??= findCollect();
  collect({ type: "minor" });
}

/** V8 shows it to contexts that are made after it was asked to. */
function findCollect(): Collect {
  setFlagsFromString("--expose-gc");
  const found: Collect = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return found;
}
