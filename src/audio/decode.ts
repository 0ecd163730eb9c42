import type { AudioFormat } from "../core/show.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import { PCM_SAMPLE_BYTES } from "./wav-header.ts";

const DEMUXERS: Readonly<Record<AudioFormat, string>> = { opus: "ogg", aac: "aac", wav: "wav" };

/** Decodes a stream of kept audio to 16-bit mono PCM at 48 kHz. Throws `decoder` when ffmpeg finds fault with it. */
export function decodeToPcm(
  audioFormat: AudioFormat,
  audio: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const args = `-nostdin -f ${DEMUXERS[audioFormat]} -i pipe:0 -ac 1 -ar ${SAMPLE_RATE} -f s16le pipe:1`;
  return runFfmpeg(args.split(" "), audio, signal);
}

/** How many samples at 48 kHz a stream of kept audio decodes to. Throws `decoder` when ffmpeg finds fault with it. */
export async function countDecodedSamples(
  audioFormat: AudioFormat,
  audio: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of decodeToPcm(audioFormat, audio, signal)) bytes += chunk.length;
  return bytes / PCM_SAMPLE_BYTES;
}

/** Encodes a stream of kept audio anew as Ogg Opus, for players that know no other. */
export function transcodeToOpus(
  audioFormat: AudioFormat,
  audio: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const args = `-nostdin -f ${DEMUXERS[audioFormat]} -i pipe:0 -map 0:a:0 -map_metadata -1 -c:a libopus -f ogg pipe:1`;
  return runFfmpeg(args.split(" "), audio, signal);
}
