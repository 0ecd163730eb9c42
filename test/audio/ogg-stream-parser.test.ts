import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as fc from "fast-check";

import { detectFormat } from "../../src/audio/detect-format.ts";
import { encodeWithFfmpeg } from "../../src/audio/encoder.ts";
import { type Frame, toSeconds } from "../../src/audio/frame.ts";
import { parseOggPage, toOggPage } from "../../src/audio/ogg-page.ts";
import { OggStreamParser } from "../../src/audio/ogg-stream-parser.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { collect, encodeTone, split, toStream } from "../support/sound.ts";

const CODECS = {
  opus: "-c:a libopus -b:a 48k -f ogg",
  vorbis: "-c:a libvorbis -q:a 3 -f ogg",
  flac: "-c:a flac -f ogg",
} as const;
type Codec = keyof typeof CODECS;
const NAMES = ["opus", "vorbis", "flac"] as const;

const links: Record<Codec, Uint8Array[]> = { opus: [], vorbis: [], flac: [] };

/** Per codec two links of a chain: the second has a title, another sample rate where there is one, and two channels. */
before(async () => {
  for (const codec of NAMES) {
    const first = await encodeTone({ startMs: 0, seconds: 5 }, `-page_duration 200000 ${CODECS[codec]}`);
    const other = { startMs: 5000, seconds: 5, sampleRate: codec === "opus" ? 48_000 : 44_100, channels: 2 };
    const tags = "-metadata artist=Björk -metadata title=Jóga\u001b[2J";
    links[codec] = [first, await encodeTone(other, `${tags} ${CODECS[codec]}`)];
  }
});

for (const codec of NAMES) {
  test(`${codec}: a chain comes out as it went in, however it was cut into pieces`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 300, max: 90_000 }), { minLength: 1, maxLength: 8 }),
        (lengths) => {
          const parser = new OggStreamParser();
          const stream = concatBytes(links[codec]);
          const parts = [...split(stream, lengths)].map((piece) => parser.push(piece));
          const frames = [...parts.flat(), ...parser.end()];
          assertSame([concatBytes(toFeed(frames))], [stream]);
          assert.equal(parser.skippedBytes, 0);
          assert.deepEqual(parser.takeTitles(), ["Björk - Jóga [2J"]);
          assert.ok(frames.every(isFrame));
        },
      ),
      { numRuns: 20 },
    );
  });

  test(`${codec}: garbage between bytes costs the page that it tears and no other`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4000 }), fc.nat(), (garbage, place) => {
        const stream = links[codec][0] ?? new Uint8Array(0);
        const frames = parse(stream);
        const whole = toBytes(frames);
        const headersEnd = frames[0]?.headers?.length ?? 0;
        const at = headersEnd + (place % (stream.length - headersEnd));
        const damaged = [stream.subarray(0, at), garbage, stream.subarray(at)];
        const parser = new OggStreamParser();
        const kept = toBytes([...damaged.flatMap((piece) => parser.push(piece)), ...parser.end()]);
        const lost = whole.filter((frame) => !kept.some((other) => isEqual(other, frame)));
        assert.ok(lost.length <= 1, `${lost.length} pages lost`);
        assert.equal(kept.length, whole.length - lost.length);
      }),
      { numRuns: 30 },
    );
  });

  test(`${codec}: a page that is cut short is no frame, and neither is one with a flipped bit`, () => {
    const stream = links[codec][0] ?? new Uint8Array(0);
    const whole = parse(stream);
    const last = whole.at(-1)?.bytes.length ?? 0;
    assert.equal(parse(stream.subarray(0, stream.length - 1)).length, whole.length - 1);
    const flipped = Uint8Array.from(stream);
    flipped[stream.length - Math.floor(last / 2)] = (flipped[stream.length - Math.floor(last / 2)] ?? 0) ^ 4;
    assert.equal(parse(flipped).length, whole.length - 1);
  });

  test(`${codec}: a page that is joined in mid-stream and a chain count as many samples as they decode to`, async () => {
    const [first, second] = links[codec].map((link) => toFeed(parse(link)));
    assert.ok(first !== undefined && second !== undefined);
    const joined = [...first.slice(0, 1), ...first.slice(4), ...second];
    const samples = toSeconds(parse(concatBytes(joined))) * 48_000;
    const decoded = await countDecoded(joined);
    assert.ok(samples > 8 * 48_000, `${samples} samples`);
    assert.ok(Math.abs(samples - decoded) <= 1, `counted ${samples}, decoded ${decoded}`);
  });

  test(`${codec}: repeated headers come with the frames, and how the sound is coded is told`, () => {
    const [first, second] = links[codec];
    assert.ok(first !== undefined && second !== undefined);
    const list = parse(first);
    const headers = list[0]?.headers ?? first;
    const again = parse(concatBytes([headers, ...toBytes(list.slice(5))]));
    assertSame(toBytes(again), toBytes(list.slice(5)));
    assertSame([again[0]?.headers ?? first], [headers]);
    const parser = new OggStreamParser();
    parser.push(first);
    assert.deepEqual(parser.shape, { codec, sampleRate: 48_000, channels: 1 });
    parser.push(second);
    assert.deepEqual(parser.shape, { codec, sampleRate: codec === "opus" ? 48_000 : 44_100, channels: 2 });
  });

  test(`${codec}: the format is told by a page, also behind other bytes`, () => {
    const stream = links[codec][0] ?? new Uint8Array(0);
    assert.equal(detectFormat(stream.subarray(0, 8192)), "ogg");
    assert.equal(
      detectFormat(concatBytes([new Uint8Array(777).fill(0x4f), stream.subarray(0, 8192)])),
      "ogg",
    );
    assert.equal(detectFormat(stream.subarray(0, 20)), undefined);
  });
}

test("where a chain goes over to another codec, the parser stops and tells what is left", () => {
  const [vorbis, opus] = [links.vorbis[0], links.opus[0]];
  assert.ok(vorbis !== undefined && opus !== undefined);
  const parser = new OggStreamParser();
  const frames = parser.push(concatBytes([vorbis, opus.subarray(0, 3000)]));
  frames.push(...parser.push(opus.subarray(3000)));
  assertSame(toBytes(frames), toBytes(parse(vorbis)));
  assertSame([parser.rest ?? vorbis], [opus]);
});

test("pages without headers, of other streams and of unknown codecs are left out", () => {
  const list = toFeed(parse(links.vorbis[0] ?? new Uint8Array(0)));
  assertSame(toBytes(parse(concatBytes(list.slice(1)))), []);
  const skeleton = page({
    packets: [Buffer.from("fishead\0 and more")],
    serial: 9,
    sequence: 0,
    isFirst: true,
  });
  const aside = page({ packets: [Uint8Array.of(1, 2, 3)], serial: 9, sequence: 1 });
  const [headers = new Uint8Array(0), ...rest] = list;
  const identificationBytes = parseOggPage(headers, 0)?.pageBytes ?? 0;
  const beside = [
    headers.subarray(0, identificationBytes),
    skeleton,
    headers.subarray(identificationBytes),
    ...rest.flatMap((frame) => [aside, frame]),
  ];
  assertSame(toBytes(parse(concatBytes([skeleton, ...beside.slice(0, 1), ...beside.slice(2)]))), rest);
  assertSame(toBytes(parse(concatBytes(beside))), rest);
});

test("a stream whose headers are not whole is left out until the next begins", () => {
  const list = toFeed(parse(links.vorbis[0] ?? new Uint8Array(0)));
  const [headers = new Uint8Array(0), ...rest] = list;
  const first = parseOggPage(headers, 0)?.pageBytes ?? 0;
  assertSame(toBytes(parse(concatBytes([headers.subarray(0, first), ...rest, ...list]))), rest);
});

test("endless headers are not kept, and the next stream is heard", () => {
  const list = toFeed(parse(links.flac[0] ?? new Uint8Array(0)));
  const [headers = new Uint8Array(0)] = list;
  const { pageBytes = 0, serial = 0 } = parseOggPage(headers, 0) ?? {};
  const parser = new OggStreamParser();
  parser.push(headers.subarray(0, pageBytes));
  for (let sequence = 1; sequence < 60; sequence++) {
    const endless = page({ packets: [new Uint8Array(60_000).fill(3)], serial, sequence });
    assertSame(toBytes(parser.push(endless)), []);
  }
  assert.ok(parser.skippedBytes > 1024 * 1024);
  assertSame(toBytes(parser.push(concatBytes(list))), list.slice(1));
});

test("whatever comes, no more than a page is held back, and no bytes are counted twice", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc
      .constantFrom("OggS", "OggS\0\x02", "O", "OggS\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff")
      .map((text) => Uint8Array.from(Buffer.from(text, "latin1"))),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 40 }), (chunks) => {
      const parser = new OggStreamParser();
      for (const chunk of chunks) assertSame(toBytes(parser.push(chunk)), []);
      parser.end();
      assert.equal(parser.skippedBytes, concatBytes(chunks).length);
    }),
  );
});

function page(parts: Omit<Parameters<typeof toOggPage>[0], "granulePosition">): Uint8Array {
  return toOggPage({ ...parts, granulePosition: 0 });
}

function parse(stream: Uint8Array): Frame[] {
  const parser = new OggStreamParser();
  return [...parser.push(stream), ...parser.end()];
}

/** What a decoder is fed with: headers before the first frame that has them. */
function toFeed(frames: readonly Frame[]): Uint8Array[] {
  let last: Uint8Array | undefined;
  return frames.flatMap(({ bytes, headers = bytes }) => {
    const isNew = headers !== last;
    last = headers;
    return isNew ? [headers, bytes] : [bytes];
  });
}

function toBytes(frames: readonly Frame[]): Uint8Array[] {
  return frames.map((frame) => frame.bytes);
}

/** Says where two lists differ; their contents would fill the screen. */
function assertSame(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const differing = expected.findIndex((bytes, index) => !isEqual(bytes, actual[index]));
  assert.deepEqual([actual.length, differing], [expected.length, -1]);
}

/** One whole page. */
function isFrame({ bytes }: Frame): boolean {
  return parseOggPage(bytes, 0)?.pageBytes === bytes.length;
}

function isEqual(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

/** What the recorder's own ffmpeg makes of the frames, as samples at 48 kHz. */
async function countDecoded(frames: readonly Uint8Array[]): Promise<number> {
  const format = { audioFormat: "wav", bitrateKbps: 0, channels: 1, splitIntervalSeconds: 10 } as const;
  const sound = encodeWithFfmpeg(toStream(...frames), { input: "ogg", format }, AbortSignal.timeout(30_000));
  return (await collect(sound)).length / 2;
}
