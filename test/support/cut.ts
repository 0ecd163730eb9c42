import type { CutPiece, Cutter } from "../../src/audio/cutter.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";

/** Cuts all that an encoder emitted, and puts the pieces of each segment together. */
export function cutSegments(
  cutter: Cutter,
  chunks: Iterable<Uint8Array>,
): Omit<CutPiece, "isSegmentEnd" | "isSessionStart">[] {
  const segments: CutPiece[][] = [[]];
  for (const piece of [...[...chunks].flatMap((chunk) => cutter.push(chunk)), ...cutter.end()]) {
    segments.at(-1)?.push(piece);
    if (piece.isSegmentEnd) segments.push([]);
  }
  return segments.flatMap((pieces) => {
    const [first] = pieces;
    if (first === undefined) return [];
    const audioData = concatBytes(pieces.map((piece) => piece.audioData));
    const durationSamples = pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
    return [{ audioData, startSample: first.startSample, durationSamples }];
  });
}
