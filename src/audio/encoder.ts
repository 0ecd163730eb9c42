import type { AudioFormat, ShowFormat } from "../core/show.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import type { StreamFormat } from "./frame.ts";
import { type Level, LevelMeter } from "./level-meter.ts";

/** What is to be made of what. */
export type EncodeSettings = {
  input: StreamFormat;
  format: ShowFormat;
  /** Told of all sound that is encoded, in order from its first sample, some 0.2 s after it went in; not at all when absent. */
  onLevels?: ((levels: readonly Level[]) => void) | undefined;
};

/** Turns whole frames of a station into the bytes that a `Cutter` of the same show takes. */
export type Encode = (
  frames: AsyncIterable<Uint8Array>,
  settings: EncodeSettings,
  signal: AbortSignal,
) => AsyncGenerator<Uint8Array>;

/**
 * Samples of silence that the encoder puts before the sound and a reader of the kept stream does not take off. Opus
 * declares its own as pre-skip; ADTS has no place to declare it.
 */
export const ENCODER_DELAY_SAMPLES: Readonly<Record<AudioFormat, number>> = { opus: 0, aac: 1024, wav: 0 };

/**
 * The samples that each encoder takes, as formats and lengths of ffmpeg. Both are asked for by name before the sound is
 * measured, so that measuring it changes nothing: left alone, ffmpeg chooses formats to suit all branches, and where a
 * station changes its rate, each branch drops another part of a frame.
 */
const ENCODER_INPUTS: Readonly<Record<AudioFormat, string>> = {
  opus: "flt,asetnsamples=960:p=0",
  aac: "fltp,asetnsamples=1024:p=0",
  wav: "s16",
};

/**
 * One ffmpeg child per session.
 *
 * `-page_duration 200000` and `-flush_packets 1` let ten packets of Opus out at once: one page for each costs a fifth more
 * processor time than one for five, and a whole second, as by default, would be lost with the child. `-fflags nobuffer` would lose the first
 * frames, and a smaller probe breaks the timestamps of AAC. `rematrix_maxval` keeps two channels that are alike from
 * adding up to 3 dB more than full scale when they become one.
 *
 * Levels are measured here from the same samples, as PCM from a second output, which is cheaper than ffmpeg's own
 * `astats`. It leaves the child when its buffer of 32 KiB is full: a read for each frame would cost more than the rest.
 */
export const encodeWithFfmpeg: Encode = async function* (frames, { input, format, onLevels }, signal) {
  const layout = format.channels === 1 ? "mono" : "stereo";
  const source = `-nostdin -threads 1 -probesize 4096 -analyzeduration 0 -f ${input} -i pipe:0`;
  const filters =
    `aresample=${SAMPLE_RATE}:rematrix_maxval=1,` +
    `aformat=channel_layouts=${layout}:sample_fmts=${ENCODER_INPUTS[format.audioFormat]}`;
  const kept = `-map_metadata -1 ${toCodecArgs(format)} -flush_packets 1 pipe:1`;
  if (onLevels === undefined) {
    yield* runFfmpeg(`${source} -map 0:a:0 -af ${filters} ${kept}`.split(" "), frames, signal);
    return;
  }
  const meter = new LevelMeter(format.channels, onLevels);
  const args =
    `${source} -filter_complex [0:a:0]${filters},asplit[kept][measured] -map [kept] ${kept} ` +
    "-map [measured] -c:a pcm_f32le -flush_packets 0 -f f32le pipe:3";
  try {
    yield* runFfmpeg(args.split(" "), frames, signal, (bytes) => meter.push(bytes));
  } finally {
    meter.end();
  }
};

function toCodecArgs(format: ShowFormat): string {
  switch (format.audioFormat) {
    case "opus":
      return `-c:a libopus -b:a ${format.bitrateKbps}k -application audio -page_duration 200000 -f ogg`;
    case "aac":
      return `-c:a aac -b:a ${format.bitrateKbps}k -f adts`;
    case "wav":
      return "-c:a pcm_s16le -f s16le";
  }
}
