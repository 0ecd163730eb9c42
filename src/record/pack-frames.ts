import type { Frame } from "../audio/frame.ts";
import { concatBytes } from "../core/concat-bytes.ts";

const HEADER_BYTES = 12;

/** Frames as one array of bytes: for each its length (4 bytes), its play time in seconds (8 bytes), and itself. */
export function packFrames(frames: readonly Frame[]): Uint8Array {
  return concatBytes(
    frames.flatMap(({ bytes, durationSeconds }) => {
      const header = new DataView(new ArrayBuffer(HEADER_BYTES));
      header.setUint32(0, bytes.length, true);
      header.setFloat64(4, durationSeconds, true);
      return [new Uint8Array(header.buffer), bytes];
    }),
  );
}

/** What `packFrames` has packed. */
export function unpackFrames(packed: Uint8Array): Frame[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const frames: Frame[] = [];
  for (let offset = 0; offset + HEADER_BYTES <= packed.length;) {
    const start = offset + HEADER_BYTES;
    const end = start + view.getUint32(offset, true);
    frames.push({ bytes: packed.subarray(start, end), durationSeconds: view.getFloat64(offset + 4, true) });
    offset = end;
  }
  return frames;
}
