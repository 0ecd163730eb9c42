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
  /** Whether its first sound follows the last of the recording before. */
  isFollowing: boolean;
};

export type StationSetting = {
  show: Pick<ShowConfig, "headers">;
  url: string;
  source: StreamSource;
  clock: Clock;
};

/** The same connection as the beginning of another recording, after its stream has `changed`. */
export function toFollowing({ stream }: OpenStation, air: AirClock): OpenStation {
  stream.goOn();
  return { stream, air, events: [toStartEvent(stream)], isFollowing: true };
}

/** Connects, and reads as far as the format can be told. Throws `network` or `unsupported`. */
export async function openStation(setting: StationSetting, signal: AbortSignal): Promise<OpenStation> {
  const { clock, show, url, source } = setting;
  const connection = await source.connect({ url, headers: show.headers }, signal);
  try {
    const wallMs = clock.nowMs();
    const errorMs = toClockErrorMs(wallMs, connection.serverDateMs);
    const air = new AirClock({ wallMs, monotonicMs: clock.monotonicMs() }, errorMs);
    const stream = await openStationStream(connection, clock, signal);
    const events = [toStartEvent(stream)];
    if (errorMs !== 0) {
      events.push({ timestampMs: 0, kind: "clock-difference", data: { error_ms: errorMs } });
    }
    return { stream, air, events, isFollowing: false };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A session stores it with the time of its first sound. */
function toStartEvent(stream: StationStream): NewShowEvent {
  return { timestampMs: 0, kind: "start", data: { input: stream.format } };
}
