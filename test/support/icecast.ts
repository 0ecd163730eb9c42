import { chownSync, chmodSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { toWavHeader } from "../../src/audio/wav-header.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { renderToneClock } from "../../src/station/tone-clock.ts";
import { freePort } from "./free-port.ts";
import { type RunningProcess, startProcess } from "./run-cli.ts";

const SOURCE_PASSWORD = "hackme";

/** Icecast does not run as root; this is who Debian's images always have besides. */
const NOBODY = { user: "nobody", group: "nogroup", uid: 65_534, gid: 65_534 };

/** A real Icecast 2 on loopback with its usual burst of 64 KiB. Bind it with `await using`. */
export async function startIcecast(directory: string): Promise<AsyncDisposable & { port: number }> {
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  const changeOwner = isRoot
    ? `<changeowner><user>${NOBODY.user}</user><group>${NOBODY.group}</group></changeowner>`
    : "";
  const config = join(directory, "icecast.xml");
  writeFileSync(
    config,
    `<icecast>
      <limits><clients>100</clients><sources>4</sources><queue-size>524288</queue-size>
        <burst-on-connect>1</burst-on-connect><burst-size>65536</burst-size></limits>
      <authentication><source-password>${SOURCE_PASSWORD}</source-password>
        <admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>
      <hostname>127.0.0.1</hostname>
      <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
      <paths><basedir>${directory}</basedir><logdir>${directory}</logdir><webroot>/usr/share/icecast2/web</webroot>
        <adminroot>/usr/share/icecast2/admin</adminroot></paths>
      <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
      <security><chroot>0</chroot>${changeOwner}</security>
    </icecast>`,
  );
  chmodSync(directory, 0o755);
  if (isRoot) chownSync(directory, NOBODY.uid, NOBODY.gid);
  const icecast = startProcess("icecast2", ["-c", config]);
  await waitForPort(port, icecast);
  return { port, [Symbol.asyncDispose]: async () => void (await icecast.stop()) };
}

/** What ffmpeg is told to make of the sound it sends. */
export const SOURCES = {
  mp3: ["-c:a", "libmp3lame", "-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"],
  aac: ["-c:a", "aac", "-b:a", "128k", "-content_type", "audio/aac", "-f", "adts"],
  opus: ["-c:a", "libopus", "-b:a", "64k", "-content_type", "application/ogg", "-f", "ogg"],
  vorbis: ["-c:a", "libvorbis", "-b:a", "96k", "-content_type", "application/ogg", "-f", "ogg"],
  flac: ["-c:a", "flac", "-content_type", "application/ogg", "-f", "ogg"],
} as const;

/** Plays the tone clock into a mount of Icecast with ffmpeg, at live pace. */
export function startSource(
  icecast: { port: number },
  source: { file: string; path: string; format: keyof typeof SOURCES },
): RunningProcess {
  const target = `icecast://source:${SOURCE_PASSWORD}@127.0.0.1:${icecast.port}${source.path}`;
  const input = ["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-i", source.file];
  return startProcess("ffmpeg", [...input, ...SOURCES[source.format], target]);
}

/** Writes a WAV file of the tone clock, 48 kHz stereo, from now on. */
export function writeToneClock(file: string, seconds: number): void {
  const channels = 2;
  const pcm = renderToneClock({
    startMs: Date.now(),
    sampleRate: 48_000,
    samples: seconds * 48_000,
    channels,
  });
  const data = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  writeFileSync(file, concatBytes([toWavHeader({ channels, dataBytes: data.length }), data]));
}

async function waitForPort(port: number, icecast: RunningProcess): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await delay(50);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`icecast2 does not listen:\n${icecast.stdout}${icecast.stderr}`);
}
