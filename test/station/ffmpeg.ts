import { runFfmpeg } from "../../src/audio/ffmpeg.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { decodeToPcm, type EncodedSource } from "../../src/station/decode-to-pcm.ts";
import { ToneClockReader } from "../../src/station/tone-clock-reader.ts";

const { signal } = new AbortController();

/** Interleaved 16 bit samples through ffmpeg, with the arguments that name a codec and a container. */
export async function encode(
  pcm: Int16Array,
  { sampleRate, channels, codec }: { sampleRate: number; channels: number; codec: string },
): Promise<Uint8Array> {
  const args = `-f s16le -ar ${sampleRate} -ac ${channels} -i pipe:0 ${codec} pipe:1`.split(" ");
  async function* input(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  }
  return concatBytes(await Array.fromAsync(runFfmpeg(args, input(), signal)));
}

/** Decodes, and reads the tone clock to its end. */
export async function readTones(source: EncodedSource): Promise<ToneClockReader> {
  const reader = new ToneClockReader();
  for await (const pcm of decodeToPcm(source, signal)) reader.push(pcm);
  reader.end();
  return reader;
}

/** Reads the tone clock in mono sound at 48 kHz. */
export function readPcm(pcm: Int16Array | Float32Array): ToneClockReader {
  const reader = new ToneClockReader();
  reader.push(pcm);
  reader.end();
  return reader;
}

/** Children of this process that are there, or have ended a moment ago. */
export function countChildren(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "ProcessWrap").length;
}
