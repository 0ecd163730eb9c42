import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { AIR_START_MS, createSenderDatabase } from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { tempDir } from "../support/temp-dir.ts";

const dir = tempDir();
const range = `from=${AIR_START_MS}&to=${AIR_START_MS + 5000}`;
let server: SenderServer;

before(async () => {
  await createSenderDatabase(dir.path, { name: "one", sessions: [{ startMs: AIR_START_MS, segments: 5 }] });
  server = await startSender(dir.path);
});

after(async () => {
  await server[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

async function get(path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`${server.url}/api/shows/${path}`, init);
}

/** How often this process, which the server runs in, has the database open. */
function countOpen(): number {
  const toTarget = (descriptor: string): string => {
    try {
      return readlinkSync(join("/proc/self/fd", descriptor));
    } catch {
      return "";
    }
  };
  return readdirSync("/proc/self/fd").filter((fd) => toTarget(fd).endsWith("one.sqlite")).length;
}

const needsProc = { skip: process.platform === "linux" ? false : "open files are counted in /proc" };

test("a HEAD request says what a GET would and leaves no file open", needsProc, async () => {
  const before = countOpen();
  for (let round = 0; round < 5; round++) {
    const response = await get(`one/audio.opus?${range}`, { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("Content-Type"), "audio/ogg; codecs=opus");
  }
  assert.equal(countOpen(), before);
});

test("a whole answer leaves no file open", needsProc, async () => {
  const before = countOpen();
  const bytes = await (await get(`one/audio.opus?${range}`)).bytes();
  assert.equal(Buffer.from(bytes).toString("latin1", 0, 4), "OggS");
  assert.equal(countOpen(), before);
});

test("a range that cannot be read says so by its status", async () => {
  assert.equal((await get(`nosuch/audio.opus?${range}`)).status, 404);
  assert.equal((await get(`nosuch/audio.opus?${range}`, { method: "HEAD" })).status, 404);
});

test("a + that the address turned into a space is told how to write", async () => {
  const response = await get("one/timeline?from=2026-11-22T07:42:00+01:00&to=5");
  assert.equal(response.status, 400);
  assert.match(await response.text(), /%2B/);
});
