import type { StreamFormat } from "../audio/frame.ts";
import type { Level } from "../audio/level-meter.ts";
import { AppError, toReason } from "../core/app-error.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { InputPump } from "./input-pump.ts";
import { Patience } from "./patience.ts";
import type { Recording } from "./recording.ts";
import type { RecordingSetting } from "./recording-setting.ts";

/** A decoder that ends again so soon is taken to choke on the same frames. */
const DECODER_WELL_SECONDS = 10;

/** The frames that a decoder choked on are fed again once, in case it was no fault of theirs, and then left out. */
const DECODER_RETRIES = 1;

/** A decoder that ends after so many beginnings in a row ends the recording: a pause may help. */
const DECODER_FAILURES_MAX = 5;

export type EncodingParts = { recording: Recording; pump: InputPump; input: StreamFormat };

/** Runs one encoder after the other, until the stream is over or they fail too often. */
export async function encodeAll(
  setting: RecordingSetting,
  { recording, pump, input }: EncodingParts,
  signal: AbortSignal,
): Promise<void> {
  using patience = new Patience(setting.clock, signal);
  const onLevels = (levels: readonly Level[]): void => recording.measure(levels);
  const settings = { input, format: setting.show.format, onLevels };
  if (!(await pump.begin())) return;
  for (let failures = 0; ;) {
    const startSample = recording.keeper.endSample;
    const number = recording.beginEncoder(failures > DECODER_RETRIES);
    try {
      for await (const chunk of setting.encode(pump.feed(number), settings, patience.signal)) {
        recording.add(chunk);
        setting.room.requireRoom();
      }
      recording.endEncoder();
      return;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "decoder") throw error;
      recording.endEncoder();
      const keptSeconds = (recording.keeper.endSample - startSample) / SAMPLE_RATE;
      failures = keptSeconds >= DECODER_WELL_SECONDS ? 1 : failures + 1;
      if (signal.aborted || failures >= DECODER_FAILURES_MAX) {
        recording.finish();
        throw error;
      }
      setting.log.warn("the decoder ended; another one is fed with the same frames", error);
      recording.markDecoder(toReason(error));
    }
  }
}
