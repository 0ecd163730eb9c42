import type { Encode } from "../audio/encoder.ts";
import type { ShowConfig } from "../config/record-config.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { DiskRoom } from "./disk-room.ts";
import type { Ending } from "./ending.ts";
import type { GapLedger } from "./gap-ledger.ts";
import type { SavePace } from "./save-pace.ts";
import type { StreamSource } from "./stream-source.ts";

/** What a recording from one address of a show needs. */
export type RecordingSetting = {
  show: ShowConfig;
  url: string;
  source: StreamSource;
  encode: Encode;
  writer: ShowWriter;
  clock: Clock;
  random: () => number;
  log: Log;
  gaps: GapLedger;
  pace: SavePace;
  room: DiskRoom;
  toBoundaryMs: (nowMs: number) => number;
  onArrival: (arrivalMs: number) => void;
  onLost: (ending: Ending) => void;
};
