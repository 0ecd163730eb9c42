import type { AudioFormat, ShowFormat } from "../core/show.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import type { StreamFormat } from "./frame.ts";

/** Turns whole frames of a station into the bytes that a `Cutter` of the same show takes. */
export type Encode = (
  frames: AsyncIterable<Uint8Array>,
  settings: { input: StreamFormat; format: ShowFormat },
  signal: AbortSignal,
) => AsyncGenerator<Uint8Array>;

/**
 * Samples of silence that the encoder puts before the sound and a reader of the kept stream does not take off. Opus
 * declares its own as pre-skip; ADTS has no place to declare it.
 */
export const ENCODER_DELAY_SAMPLES: Readonly<Record<AudioFormat, number>> = { opus: 0, aac: 1024, wav: 0 };

/**
 * One ffmpeg child per session.
 *
 * `-page_duration 20000` and `-flush_packets 1` let every packet out at once. `-fflags nobuffer` would lose the first
 * frames, and a smaller probe breaks the timestamps of AAC. `rematrix_maxval` keeps two channels that are alike from
 * adding up to 3 dB more than full scale when they become one.
 */
export const encodeWithFfmpeg: Encode = (frames, { input, format }, signal) => {
  const layout = format.channels === 1 ? "mono" : "stereo";
  const args =
    `-nostdin -threads 1 -probesize 4096 -analyzeduration 0 -f ${input} -i pipe:0 -map 0:a:0 -map_metadata -1 ` +
    `-af aresample=${SAMPLE_RATE}:rematrix_maxval=1,aformat=channel_layouts=${layout} ${toCodecArgs(format)} -flush_packets 1 pipe:1`;
  return runFfmpeg(args.split(" "), frames, signal);
};

function toCodecArgs(format: ShowFormat): string {
  switch (format.audioFormat) {
    case "opus":
      return `-c:a libopus -b:a ${format.bitrateKbps}k -application audio -page_duration 20000 -f ogg`;
    case "aac":
      return `-c:a aac -b:a ${format.bitrateKbps}k -f adts`;
    case "wav":
      return "-c:a pcm_s16le -f s16le";
  }
}
