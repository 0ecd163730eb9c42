import { runFfmpeg } from "../../src/audio/ffmpeg.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { renderToneClock } from "../../src/station/tone-clock.ts";

/** The tone clock from `startMs` on, encoded by ffmpeg as its arguments say. */
export async function encodeTone(
  tone: { startMs: number; seconds: number; sampleRate?: number; channels?: number },
  args: string,
): Promise<Uint8Array> {
  const { startMs, seconds, sampleRate = 48_000, channels = 1 } = tone;
  const pcm = renderToneClock({ startMs, sampleRate, samples: seconds * sampleRate, channels });
  async function* input(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  }
  const all = `-nostdin -f s16le -ar ${sampleRate} -ac ${channels} -i pipe:0 ${args} pipe:1`.split(" ");
  return await collect(runFfmpeg(all, input(), AbortSignal.timeout(30_000)));
}

/** All bytes of a stream. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concatBytes(chunks);
}

/** One piece of bytes as a stream. */
export async function* toStream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** The bytes in pieces of the given lengths, over and over. */
export function* split(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let offset = 0, index = 0; offset < bytes.length; index++) {
    const length = lengths[index % lengths.length] ?? 1;
    yield bytes.subarray(offset, offset + length);
    offset += length;
  }
}
