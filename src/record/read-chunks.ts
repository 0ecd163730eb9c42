import { toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import type { Ending } from "./ending.ts";
import { IcyDemuxer } from "./icy-demuxer.ts";
import type { StreamConnection } from "./stream-source.ts";

/** What came with one read of the network. */
export type Chunk = { audio: Uint8Array; titles: readonly string[]; arrivalMs: number };

/** The bytes of a connection, until it is over for whatever reason: that is told, never thrown. */
export async function* readChunks(
  connection: StreamConnection,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Chunk, Ending> {
  const icy =
    connection.icyMetaInterval === undefined ? undefined : new IcyDemuxer(connection.icyMetaInterval);
  try {
    for await (const bytes of connection.body) {
      const arrivalMs = clock.monotonicMs();
      yield { ...(icy?.push(bytes) ?? { audio: bytes, titles: [] }), arrivalMs };
    }
    if (!signal.aborted) return { reason: "disconnected", detail: "the station closed the connection" };
  } catch (error) {
    if (!signal.aborted) return { reason: "disconnected", detail: toReason(error) };
  } finally {
    connection.close();
  }
  return { reason: "stopped", detail: "" };
}
