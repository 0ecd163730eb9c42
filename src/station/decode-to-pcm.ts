import { runFfmpeg } from "../audio/ffmpeg.ts";
import { ByteQueue } from "../core/byte-queue.ts";

/** Encoded sound: the path of a file, all bytes, or bytes as they come. */
export type EncodedSource = string | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Decodes to mono sound at 48 kHz, piece by piece, no faster than the pieces are taken; channels are averaged. The child
 * is gone when the generator has ended. Throws `decoder` when ffmpeg cannot read the source, and what the source throws.
 */
export async function* decodeToPcm(source: EncodedSource, signal: AbortSignal): AsyncGenerator<Int16Array> {
  signal.throwIfAborted();
  // Nothing but the one file may be opened, whatever is written in it.
  const input =
    typeof source === "string" ? ["-protocol_whitelist", "file", "-i", `file:${source}`] : ["-i", "pipe:0"];
  const output = ["-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "pipe:1"];
  const queue = new ByteQueue();
  for await (const chunk of runFfmpeg(["-nostdin", ...input, ...output], toChunks(source), signal)) {
    queue.push(chunk);
    const whole = queue.consume(queue.length - (queue.length % 2));
    if (whole.length > 0) yield toInt16(whole);
  }
}

/** What goes through the pipe: nothing of a file, which ffmpeg opens itself. */
async function* toChunks(source: EncodedSource): AsyncGenerator<Uint8Array> {
  if (typeof source === "string") return;
  if (!(source instanceof Uint8Array)) yield* source;
  else if (source.length > 0) yield source;
}

/** Copies, because the bytes may start at an odd address and lie in a buffer that holds more. */
function toInt16(bytes: Uint8Array): Int16Array {
  return new Int16Array(new Uint8Array(bytes).buffer);
}
