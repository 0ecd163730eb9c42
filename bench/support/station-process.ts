/**
 * A station in a process of its own, so that its cost is not counted. Its only argument is the mounts as JSON; it prints its port and
 * plays until it is ended.
 */
import { startStation } from "../../src/station/station.ts";

await using station = await startStation({ mounts: JSON.parse(process.argv[2] ?? "[]") });
process.stdout.write(`port ${station.port}\n`);
const { promise: ended, resolve: end } = Promise.withResolvers<void>();
process.once("SIGTERM", () => end());
await ended;
