import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type ShowHealth, toNewHealth } from "../../src/core/show-health.ts";
import { createHealthRoutes } from "../../src/http/health-routes.ts";
import { Receivers } from "../../src/store/receivers.ts";
import { assertRefused } from "../support/refusal.ts";
import { AIR_START_MS, createSenderDatabase, readMetadata } from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { runSync, syncWell } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

type Link = AsyncDisposable & {
  sender: SenderServer;
  directory: string;
  archive: string;
  receivers: Receivers;
};

async function startLink(): Promise<Link> {
  const dir = tempDir();
  const directory = join(dir.path, "sender");
  mkdirSync(directory);
  const sessions = [{ startMs: AIR_START_MS, segments: 6 }];
  await createSenderDatabase(directory, { name: "a", sessions });
  const sender = await startSender(directory);
  return {
    sender,
    directory,
    archive: join(dir.path, "archive"),
    receivers: new Receivers(directory),
    async [Symbol.asyncDispose]() {
      await sender[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

async function put(sender: SenderServer, path: string, body: unknown): Promise<number> {
  const response = await fetch(`${sender.url}/api/sync/shows/${path}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return response.status;
}

test("a pass tells the sender who has what, and a later one what has come since", async () => {
  await using link = await startLink();
  const run = { url: link.sender.url, directory: link.archive, show: "a", args: ["--receiver", "nas"] };
  const seenFromMs = Date.now();
  await syncWell(run);
  const [nas, ...others] = link.receivers.list({ name: "a" });
  assert.deepEqual([nas?.name, nas?.lastSyncedId, others], ["nas", 6, []]);
  assert.ok((nas?.seenMs ?? 0) >= seenFromMs && (nas?.seenMs ?? 0) <= Date.now());
  await syncWell({ ...run, directory: `${link.archive}-2`, args: ["--receiver", "attic"] });
  await syncWell(run);
  assert.deepEqual(
    link.receivers.list({ name: "a" }).map(({ name, lastSyncedId }) => [name, lastSyncedId]),
    [
      ["attic", 6],
      ["nas", 6],
    ],
  );
});

test("a pass that fails tells nothing that it does not have", async () => {
  await using link = await startLink();
  link.sender.tamper = ({ resource }) =>
    resource === "segments" ? { raw: (response) => response.destroy() } : undefined;
  const run = { url: link.sender.url, directory: link.archive, show: "a", args: ["--receiver", "nas"] };
  assertRefused(await runSync(run), 1, "segments");
  assert.deepEqual(link.receivers.list({ name: "a" }), []);
});

test("a receiver without a name of its own has the host's, and one that is none is refused", async () => {
  await using link = await startLink();
  const run = { url: link.sender.url, directory: link.archive, show: "a" };
  await syncWell(run);
  assert.equal(link.receivers.list({ name: "a" }).length, 1);
  assertRefused(await runSync({ ...run, args: ["--receiver", "../nas"] }), 2, "../nas");
});

test("what is told is checked", async () => {
  await using link = await startLink();
  const { sender } = link;
  assert.equal(await put(sender, "a/receivers/nas", { last_synced_id: 4 }), 204);
  assert.equal(await put(sender, "a/receivers/nas", { last_synced_id: 2 }), 204, "it may have begun anew");
  for (const [path, body] of [
    ["a/receivers/nas", { last_synced_id: 7 }],
    ["a/receivers/nas", { last_synced_id: -1 }],
    ["a/receivers/nas", { last_synced_id: "4" }],
    ["a/receivers/nas", {}],
    ["a/receivers/nas", "no JSON"],
    ["a/receivers/n%20s", { last_synced_id: 4 }],
    [`a/receivers/${"n".repeat(65)}`, { last_synced_id: 4 }],
  ] as const) {
    assert.equal(await put(sender, path, body), 400, `${path} ${JSON.stringify(body)}`);
  }
  assert.equal(await put(sender, "b/receivers/nas", { last_synced_id: 4 }), 404);
  assert.equal(await put(sender, "a/receivers/nas", "x".repeat(2000)), 400);
  assert.deepEqual(
    link.receivers.list({ name: "a" }).map(({ lastSyncedId }) => lastSyncedId),
    [2],
  );
});

test("health lists the receivers of each show", async () => {
  using dir = tempDir();
  const receivers = new Receivers(dir.path);
  const receiver = { name: "nas", lastSyncedId: 12, seenMs: Date.now() - 5000 };
  receivers.acknowledge({ name: "a", uniqueId: "db_1" }, receiver);
  const health = (): ShowHealth[] => [toNewHealth("a"), toNewHealth("b")];
  const answer = await createHealthRoutes({ token: undefined, health, receivers }).request("/");
  const { shows }: { shows: { receivers: { seen_age_ms: number }[] }[] } = JSON.parse(await answer.text());
  const [nas] = shows[0]?.receivers ?? [];
  assert.deepEqual({ ...nas, seen_age_ms: 0 }, { name: "nas", last_synced_id: 12, seen_age_ms: 0 });
  assert.ok((nas?.seen_age_ms ?? 0) >= 5000 && (nas?.seen_age_ms ?? 0) < 10_000);
  assert.deepEqual(shows[1]?.receivers, []);
});

test("at most a hundred receivers of a show are remembered, and none of a database that is gone", async () => {
  using dir = tempDir();
  const receivers = new Receivers(dir.path);
  assert.deepEqual(receivers.list({ name: "a" }), []);
  for (let index = 0; index < 103; index++) {
    const receiver = { name: `r${index}`, lastSyncedId: index, seenMs: index };
    receivers.acknowledge({ name: "a", uniqueId: "db_1" }, receiver);
  }
  const names = receivers.list({ name: "a" }).map(({ name }) => name);
  assert.deepEqual([names.length, names.includes("r2"), names.includes("r3")], [100, false, true]);
  assert.deepEqual(receivers.list({ name: "a", uniqueId: "db_2" }), []);
  receivers.acknowledge({ name: "a", uniqueId: "db_2" }, { name: "nas", lastSyncedId: 1, seenMs: 1 });
  assert.equal(receivers.list({ name: "a" }).length, 1);
});

test("what lets only questions through to the sender is no reason to fail", async () => {
  await using link = await startLink();
  for (const [status, isWell] of [
    [403, true],
    [405, true],
    [501, true],
    [200, true],
    [502, false],
  ] as const) {
    link.sender.tamper = ({ url }) =>
      url.pathname.includes("/receivers/") ? { json: {}, status } : undefined;
    const result = await runSync({ url: link.sender.url, directory: link.archive, show: "a" });
    assert.equal(result.status === 0, isWell, `${status}: ${result.stderr}`);
  }
  assert.deepEqual(link.receivers.list({ name: "a" }), []);
});

test("a sender that does not keep receivers is told nothing", async () => {
  await using link = await startLink();
  link.sender.tamper = async ({ resource, json }) => {
    if (resource !== "metadata") return undefined;
    const { receivers: _, ...metadata } = await json<Record<string, unknown>>();
    return { json: metadata };
  };
  await syncWell({ url: link.sender.url, directory: link.archive, show: "a" });
  assert.ok(link.sender.requests.every((path) => !path.includes("receivers")));
  assert.ok(readMetadata(join(link.archive, "a.sqlite"))["unique_id"]);
});
