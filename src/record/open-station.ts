import type { ShowConfig } from "../config/record-config.ts";
import type { Clock } from "../core/clock.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import { AirClock, toClockErrorMs } from "./air-clock.ts";
import { openStationStream, type StationStream } from "./station-stream.ts";
import type { StreamSource } from "./stream-source.ts";

/** A station that is being heard. Whoever opened it closes its stream. */
export type OpenStation = {
  stream: StationStream;
  /** When its first sound left the server. */
  air: AirClock;
  /** What a session that begins with this connection has to tell. */
  events: readonly NewShowEvent[];
};

export type StationSetting = {
  show: Pick<ShowConfig, "headers">;
  url: string;
  source: StreamSource;
  clock: Clock;
};

/** Connects, and reads as far as the format can be told. Throws `network` or `unsupported`. */
export async function openStation(setting: StationSetting, signal: AbortSignal): Promise<OpenStation> {
  const { clock, show, url, source } = setting;
  const connection = await source.connect({ url, headers: show.headers }, signal);
  try {
    const wallMs = clock.nowMs();
    const air = new AirClock({ wallMs, monotonicMs: clock.monotonicMs() }, connection.serverDateMs);
    const stream = await openStationStream(connection, clock, signal);
    const events: NewShowEvent[] = [{ timestampMs: wallMs, kind: "start", data: { input: stream.format } }];
    const errorMs = toClockErrorMs(wallMs, connection.serverDateMs);
    if (errorMs !== 0) {
      events.push({ timestampMs: wallMs, kind: "clock-difference", data: { error_ms: errorMs } });
    }
    return { stream, air, events };
  } catch (error) {
    connection.close();
    throw error;
  }
}
