import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { describe, test } from "node:test";

import { loadRecordConfig } from "../../src/config/record-config.ts";
import { AppError } from "../../src/core/app-error.ts";
import { assertRefused } from "../support/refusal.ts";
import { root, runCli, startCli } from "../support/run-cli.ts";
import { AIR_START_MS, createSenderDatabase, runSql } from "../support/sender-database.ts";
import { snapshot } from "../support/snapshot.ts";
import { tempDir } from "../support/temp-dir.ts";

const URL_LINE = 'url = "http://127.0.0.1:1/"';
const show = (lines: string): string => `[[shows]]\n${URL_LINE}\n${lines}\n`;
const good = show('name = "a"');

/** Writes a configuration and says what loading it is refused with. */
function toRefusal(text: string, files: Readonly<Record<string, string>> = {}): string {
  using dir = tempDir();
  const config = join(dir.path, "record.toml");
  writeFileSync(config, text);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir.path, name), content);
  const before = snapshot(dir.path);
  try {
    loadRecordConfig(config);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, "config");
    assert.ok(error.message.startsWith(config) || error.message.includes(dir.path), error.message);
    assert.ok(!error.message.includes("\n"), "one line");
    assert.deepEqual(snapshot(dir.path), before);
    return error.message.replaceAll(dir.path, "");
  }
  throw new Error(`nothing was found wrong with:\n${text}`);
}

describe("a configuration is refused with its key and value", () => {
  const cases: Record<string, [string, ...(string | RegExp)[]]> = {
    "an unknown key": [`out_dir = "x"\n${good}`, '"out_dir"'],
    "a misspelt key of a show": [show('name = "a"\nbit_rate = 16'), "shows[0]", '"bit_rate"'],
    "a misspelt key of the API": [`[api]\nprot = 1\n${good}`, "api", '"prot"'],
    "a misspelt key of a schedule": [
      `${good}[[shows.schedule]]\nstart = "09:00"\nstop = "10:00"\n`,
      "shows[0].schedule[0]",
      '"stop"',
    ],
    "a table that nobody knows": [`${good}[web]\nx = 1\n`, '"web"'],
    "no show": ['output_dir = "x"\n', "shows"],
    "a show without a name": [show(""), "shows[0].name", "missing"],
    "a show without an address": ['[[shows]]\nname = "a"\n', '"a"', "url"],
    "both url and urls": [show('name = "a"\nurls = ["http://x/"]'), '"a"', "url"],
    "an empty list of addresses": ['[[shows]]\nname = "a"\nurls = []\n', "urls"],
    "a name with a path": [show('name = "../x"'), '"../x"'],
    "an empty name": [show('name = ""'), '""'],
    "a name with a dot in front": [show('name = ".x"'), '".x"'],
    "a name that is too long": [show(`name = "${"x".repeat(65)}"`), "64"],
    "a reserved name": [show('name = "Metrics"'), '"Metrics"', "reserved"],
    "a name twice": [good + good, '"a"'],
    "names that differ in case alone": [good + show('name = "A"'), '"a"', '"A"'],
    "an address of another kind": ['[[shows]]\nname = "a"\nurl = "ftp://x/"\n', '"ftp://x/"'],
    "an address that is none": ['[[shows]]\nname = "a"\nurl = "example.org"\n', '"example.org"'],
    "an unknown format": [show('name = "a"\naudio_format = "mp3"'), "audio_format", '"mp3"', "opus"],
    "an odd count of channels": [show('name = "a"\nchannels = 3'), "channels", "3", "1|2"],
    "an interval that is too long": [show('name = "a"\nsplit_interval = 3601'), "split_interval", "3601"],
    "an interval of 0": [show('name = "a"\nsplit_interval = 0'), "split_interval"],
    "an interval that is a fraction": [show('name = "a"\nsplit_interval = 1.5'), "split_interval", "1.5"],
    "a bitrate that is text": [show('name = "a"\nbitrate = "16"'), "bitrate", '"16"'],
    "a negative retention": [show('name = "a"\nretention_hours = -1'), "retention_hours"],
    "a retention that is no number": [show('name = "a"\nretention_hours = nan'), "retention_hours"],
    "a time zone that is none": [show('name = "a"\ntimezone = "Mars/Olympus"'), '"Mars/Olympus"'],
    "an offset for a time zone": [show('name = "a"\ntimezone = "+01:00"'), '"+01:00"'],
    "a moment for a time zone": [
      show('name = "a"\ntimezone = "2026-01-01T00:00[Europe/Berlin]"'),
      "2026-01-01T00:00",
    ],
    "a pad without end": [show('name = "a"\npad_before = "999999999999d"'), "pad_before", "1d"],
    "a bitrate beyond what opus has": [show('name = "a"\nbitrate = 257'), '"a"', "257", "256"],
    "a duration without a unit": [show('name = "a"\npad_before = "90"'), "pad_before", '"90"'],
    "a duration of another unit": [show('name = "a"\npad_after = "2 weeks"'), '"2 weeks"'],
    "a duration that is a number": [show('name = "a"\nsilence_after = 60'), "silence_after"],
    "dead air of no length": [show('name = "a"\nsilence_after = "0s"'), "silence_after", '"2s"'],
    "a size that is none": [show('name = "a"\nmax_bytes = "20 gigs"'), '"20 gigs"'],
    "a day that is none": [
      `${good}[[shows.schedule]]\ndays = ["monday"]\nstart = "09:00"\nend = "10:00"\n`,
      "days",
    ],
    "no day": [`${good}[[shows.schedule]]\ndays = []\nstart = "09:00"\nend = "10:00"\n`, "days"],
    "a time that is none": [`${good}[[shows.schedule]]\nstart = "24:00"\nend = "10:00"\n`, '"24:00"'],
    "a schedule without an end": [`${good}[[shows.schedule]]\nstart = "09:00"\n`, "end"],
    "a header that would end the line": [show('name = "a"\nheaders = { "X" = "a\\r\\nY: b" }'), "headers"],
    "a port that is none": [`[api]\nport = 65536\n${good}`, "port"],
    "no TOML": ["shows = [[[", "line 1"],
    "a key twice": [`output_dir = "x"\noutput_dir = "y"\n${good}`, "line 2"],
    "the world as a host, without a token": [`[api]\nhost = "0.0.0.0"\n${good}`, '"0.0.0.0"', "token_file"],
    "all of IPv6 as a host, without a token": [`[api]\nhost = "::"\n${good}`, '"::"', "token_file"],
    "a name as a host, without a token": [`[api]\nhost = "127.example.org"\n${good}`, '"127.example.org"'],
    "a token file that is not there": [`[api]\ntoken_file = "nosuch"\n${good}`, "nosuch"],
    "a token file without a token": [`[api]\ntoken_file = "record.toml"\n${good}`, "token"],
  };
  for (const [name, [text, ...says]] of Object.entries(cases)) {
    test(name, () => {
      const message = toRefusal(text);
      for (const part of says) {
        if (typeof part === "string") assert.ok(message.includes(part), `${part} in: ${message}`);
        else assert.match(message, part);
      }
    });
  }
});

test("a configuration with nothing but a name and an address has the defaults of the contract", () => {
  using dir = tempDir();
  const config = join(dir.path, "record.toml");
  writeFileSync(config, good);
  assert.deepEqual(loadRecordConfig(config), {
    outputDir: join(dir.path, "recordings"),
    api: { host: "127.0.0.1", port: 3000, token: undefined },
    shows: [
      {
        name: "a",
        urls: ["http://127.0.0.1:1/"],
        format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 10 },
        retentionHours: 168,
        timezone: "UTC",
        headers: {},
        padBeforeMs: 0,
        padAfterMs: 0,
        silenceAfterMs: undefined,
        waiting: undefined,
        schedule: [],
      },
    ],
    notices: [],
  });
  writeFileSync(config, show('name = "a"\naudio_format = "aac"\nchannels = 2'));
  assert.equal(loadRecordConfig(config).shows[0]?.format.bitrateKbps, 64);
});

test("a host beyond loopback is allowed with a token, or when everybody may come", () => {
  using dir = tempDir();
  const config = join(dir.path, "record.toml");
  writeFileSync(join(dir.path, "token"), "s3cret\n");
  writeFileSync(config, `[api]\nhost = "0.0.0.0"\ntoken_file = "token"\n${good}`);
  assert.equal(loadRecordConfig(config).api.token, "s3cret");
  writeFileSync(config, `[api]\nhost = "0.0.0.0"\nallow_anonymous = true\n${good}`);
  assert.equal(loadRecordConfig(config).api.token, undefined);
});

const EXAMPLE = join(root, "examples", "record.toml");

test("the example is a good configuration, and its windows can be shown", async () => {
  using dir = tempDir();
  const config = join(dir.path, "record.toml");
  writeFileSync(config, readFileSync(EXAMPLE));
  writeFileSync(join(dir.path, "token"), "s3cret\n");
  const before = snapshot(dir.path);
  const result = await runCli(["record", "-c", config, "--check"]);
  assert.equal(result.status, 0, result.stderr);
  for (const { name } of loadRecordConfig(config).shows) assert.ok(result.stdout.includes(name));
  assert.deepEqual(snapshot(dir.path), before);
});

describe("the command line", () => {
  const usage: Record<string, [string[], ...string[]]> = {
    "no command": [[], "--help"],
    "an unknown command": [["rekord"], "rekord"],
    "an unknown option": [["sync", "--remote", "http://x"], "--remote"],
    "an option without its value": [["record", "-c"], "-c"],
    "a missing option": [["sync", "-r", "http://127.0.0.1:1", "-n", "a"], "--local-dir"],
    "a sync without a show": [["sync", "-r", "http://127.0.0.1:1", "-l", "x"], "-n", "--all"],
    "a sync with shows and --all": [
      ["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "a", "--all"],
      "--all",
    ],
    "an address without a scheme": [["sync", "-r", "sender.example", "-l", "x", "-n", "a"], "sender.example"],
    "an address of a file": [
      ["sync", "-r", "file:///etc/passwd", "-l", "x", "-n", "a"],
      "file:///etc/passwd",
    ],
    "a chunk size of 0": [["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "a", "-s", "0"], "0", "1 to"],
    "a chunk size that is text": [
      ["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "a", "-s", "0x10"],
      "0x10",
    ],
    "a name of a show that is a path": [
      ["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "../x"],
      "../x",
    ],
    "names of shows that differ in case alone": [
      ["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "Radio", "-n", "radio"],
      "Radio",
      "radio",
    ],
    "a token file that is not there": [
      ["sync", "-r", "http://127.0.0.1:1", "-l", "x", "-n", "a", "--token-file", "nosuch"],
      "nosuch",
    ],
    "a port that is none": [["serve", ".", "-p", "70000"], "70000"],
    "a serve of nothing": [["serve"], "path"],
    "a help for what is no command": [["help", "nosuch"], '"nosuch"', "--help"],
    "a missing configuration": [["record", "-c", "nosuch.toml"], "nosuch.toml"],
    "a configuration that is a directory": [["record", "-c", "."], "."],
    "too many arguments": [["verify", "a", "b"], "argument"],
    "an argument with control characters": [["\u001b[2J\nx"], "\\u{1b}"],
  };
  for (const [name, [args, ...says]] of Object.entries(usage)) {
    test(`${name}: exit 2, and nothing is created`, async () => {
      using dir = tempDir();
      assertRefused(await runCli(args, { cwd: dir.path }), 2, ...says);
      assert.deepEqual(snapshot(dir.path), {});
    });
  }

  test("a bad configuration: exit 2, one line, and nothing is created", async () => {
    using dir = tempDir();
    const config = join(dir.path, "record.toml");
    writeFileSync(config, `bogus = 1\n${show('name = "../x"\nport = 1')}`);
    const before = snapshot(dir.path);
    for (const more of [[], ["--check"]]) {
      assertRefused(
        await runCli(["record", "-c", config, ...more]),
        2,
        config,
        '"bogus"',
        '"../x"',
        '"port"',
      );
    }
    assert.deepEqual(snapshot(dir.path), before);
  });

  test("--debug shows where an error came from, below its line", async () => {
    const result = await runCli(["--debug", "serve", "/nosuch"]);
    assert.match(result.stderr, /^error: [^\n]+\n[^]*\n {4}at /);
  });
});

describe("what is there is not what is needed", () => {
  async function assertUntouched(directory: string, args: string[], says: string[], env = {}): Promise<void> {
    const before = snapshot(directory);
    assertRefused(await runCli(args, { env }), 1, ...says);
    assert.deepEqual(snapshot(directory), before);
  }

  function writeConfig(directory: string, text: string): string {
    const config = join(directory, "record.toml");
    writeFileSync(config, text);
    return config;
  }

  test("a port in use: exit 1, and nothing is created", async () => {
    using dir = tempDir();
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    try {
      const address = blocker.address();
      assert.ok(address !== null && typeof address === "object");
      const port = String(address.port);
      const config = writeConfig(dir.path, good);
      await assertUntouched(dir.path, ["record", "-c", config, "-p", port], [port, "EADDRINUSE"]);
      await assertUntouched(dir.path, ["serve", dir.path, "-p", port], [port, "EADDRINUSE"]);
    } finally {
      blocker.close();
    }
  });

  test("no ffmpeg: exit 1, and nothing is created", async () => {
    using dir = tempDir();
    const config = writeConfig(dir.path, good);
    const env = { PATH: join(dir.path, "empty") };
    await assertUntouched(dir.path, ["record", "-c", config], ["ffmpeg", "install"], env);
    await createSenderDatabase(dir.path, { name: "a" });
    await assertUntouched(dir.path, ["verify", dir.path], ["ffmpeg", "install"], env);
  });

  test("a file that is no database, or one of another version: exit 1, and nothing is changed", async () => {
    using dir = tempDir();
    const recordings = join(dir.path, "recordings");
    mkdirSync(recordings);
    const config = writeConfig(dir.path, good);
    const path = join(recordings, "a.sqlite");
    writeFileSync(path, "no database ".repeat(500));
    for (const args of [
      ["record", "-c", config],
      ["serve", path],
      ["serve", recordings],
    ]) {
      await assertUntouched(dir.path, args, [path, "not an SQLite database"]);
    }
    writeFileSync(path, "");
    runSql(path, "CREATE TABLE metadata (key, value)");
    await assertUntouched(dir.path, ["record", "-c", config], [path, "not a database of this program"]);
    using other = tempDir();
    const newer = await createSenderDatabase(other.path, { name: "a", metadata: { version: "2" } });
    await assertUntouched(other.path, ["serve", newer], [newer, '"2"', '"1"']);
  });

  test("a serve of a path that is not there: exit 1", async () => {
    using dir = tempDir();
    const path = join(dir.path, "nosuch");
    await assertUntouched(dir.path, ["serve", path], [path, "does not exist"]);
  });

  test("one bad file in a directory does not keep the others from being played", async () => {
    using dir = tempDir();
    await createSenderDatabase(dir.path, {
      name: "good",
      sessions: [{ startMs: AIR_START_MS, segments: 2 }],
    });
    writeFileSync(join(dir.path, "bad.sqlite"), "no database ".repeat(500));
    const before = snapshot(dir.path);
    await using server = startCli(["serve", dir.path, "-p", "0"]);
    const [, url = ""] = await server.waitForLine(/listen at (http:\S+)/);
    const { shows }: { shows: { name: string }[] } = JSON.parse(
      await (await fetch(`${url}/api/shows`)).text(),
    );
    assert.deepEqual(
      shows.map(({ name }) => name),
      ["good"],
    );
    assert.match(server.stderr, /bad\.sqlite/);
    assert.equal((await server.stop()).status, 0);
    assert.deepEqual(snapshot(dir.path), before);
  });

  test("a second recorder on the same directory: exit 1, and it says who is there", async () => {
    using dir = tempDir();
    const config = writeConfig(dir.path, `[api]\nport = 0\n${good}`);
    await using first = startCli(["record", "-c", config]);
    await first.waitForLine(/player at/);
    const second = await runCli(["record", "-c", config]);
    assertRefused(second, 1, join(dir.path, "recordings"), `process ${first.pid}`);
    assert.equal((await first.stop()).status, 0);
  });
});
