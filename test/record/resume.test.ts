import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { type RawSession, readSessions } from "../support/measure.ts";
import { runCli, startCli } from "../support/run-cli.ts";
import { measureSpan, type SoundSpan } from "../support/sound-span.ts";
import { tempDir } from "../support/temp-dir.ts";

const SHOWS = [
  { name: "mp3-opus", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, out: "opus" },
  { name: "aac-opus", format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2, out: "opus" },
  { name: "mp3-wav", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, out: "wav" },
  { name: "mp3-aac", format: "mp3", bitrateKbps: 128, sampleRate: 48_000, channels: 2, out: "aac" },
] as const;

/** Crashes, and one proper stop. */
const ENDS = ["SIGKILL", "SIGKILL", "SIGTERM"] as const;

/**
 * What may be heard again, in milliseconds. AAC has no way to begin within a frame. An encoder that is told to end fills its
 * last packet up, which counts as sound.
 */
const AGAIN_MS = {
  SIGKILL: { opus: 0, wav: 0, aac: 22 },
  SIGTERM: { opus: 27, wav: 0, aac: 44 },
} as const;

const dir = tempDir();

before(async () => {
  await using station = await startStation({
    mounts: SHOWS.map((show) => ({ ...show, path: `/${show.name}` })),
  });
  const shows = SHOWS.map(
    ({ name, out }) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url(`/${name}`)}"\nsplit_interval = 3\nbitrate = 64\naudio_format = "${out}"\n`,
  );
  const config = join(dir.path, "record.toml");
  writeFileSync(config, `[api]\nport = 0\n${shows.join("")}`);
  for (const end of ENDS) {
    await record(config, end, 6500);
    await delay(300);
  }
  await record(config, "SIGTERM", 4000);
});

after(() => dir[Symbol.dispose]());

for (const { name, out } of SHOWS) {
  test(`${name}: recorders that end and begin anew within the burst lose nothing`, async () => {
    const sessions = readSessions(toPath(name));
    assert.equal(sessions.length, ENDS.length + 1);
    const spans: SoundSpan[] = [];
    for (const session of sessions) spans.push(await measureWhole(session));
    for (const [index, session] of sessions.slice(1).entries()) {
      const heldMs = toStart(session) - toEnd(sessions[index]);
      const jumpMs = (spans[index + 1]?.startMs ?? 0) - (spans[index]?.endMs ?? 0);
      const againMs = AGAIN_MS[ENDS[index] ?? "SIGKILL"][out];
      assert.ok(jumpMs <= 2 && jumpMs >= -againMs - 2, `${jumpMs} ms lost before session ${index + 2}`);
      assert.ok(heldMs <= 5 && heldMs >= -againMs - 5, `begins ${heldMs} ms after the one before ends`);
    }
  });

  test(`${name}: each join is told, and no gap is`, () => {
    using database = new DatabaseSync(toPath(name), { readOnly: true });
    const rows = database.prepare("SELECT kind, data FROM events ORDER BY id").all();
    const stitches = rows
      .filter((row) => row["kind"] === "stitch")
      .map((row) => JSON.parse(String(row["data"])));
    assert.deepEqual(
      stitches.map((stitch) => [stitch.reason, stitch.is_certain]),
      [
        ["crashed", true],
        ["crashed", true],
        ["stopped", true],
      ],
    );
    assert.deepEqual(
      rows.filter((row) => row["kind"] === "gap"),
      [],
    );
  });
}

test("verify finds nothing wrong with joined sessions", async () => {
  const result = await runCli(["verify", join(dir.path, "recordings")], { timeoutMs: 60_000 });
  assert.equal(result.status, 0, result.stdout + result.stderr);
});

async function record(config: string, end: "SIGKILL" | "SIGTERM", ms: number): Promise<void> {
  await using recorder = startCli(["record", "-c", config]);
  await recorder.waitForLine(/recording begins/);
  await delay(ms);
  recorder.kill(end);
  await recorder.exited;
}

/** When the sound of a session, which is whole, was made. */
async function measureWhole(session: RawSession): Promise<SoundSpan> {
  const { span, report } = await measureSpan(session.audio, toStart(session));
  assert.equal(report.samples, session.durationSamples);
  assert.deepEqual([report.missing, report.doubled, report.outOfOrder], [[], [], 0]);
  assert.ok(report.lostMs < 1 && report.doubledMs < 1, `${report.lostMs} lost, ${report.doubledMs} doubled`);
  assert.ok(span !== undefined);
  return span;
}

function toStart(session: RawSession): number {
  return session.rows[0]?.timestampMs ?? 0;
}

function toEnd(session: RawSession | undefined): number {
  const last = session?.rows.at(-1);
  return last === undefined ? 0 : last.timestampMs + last.durationSamples / 48;
}

function toPath(name: string): string {
  return join(dir.path, "recordings", `${name}.sqlite`);
}
