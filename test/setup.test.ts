import assert from "node:assert/strict";
import { chmod, cp, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { root, runProcess, startProcess, type CliResult } from "./support/run-cli.ts";

let folder: string;
let bin: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "set up-"));
  bin = join(folder, "bin");
  await mkdir(bin);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Puts a command into the only directory that the set-up finds in PATH. It notes its arguments in `calls`. */
async function addCommand(name: string, script = "exit 0"): Promise<void> {
  const file = join(bin, name);
  await writeFile(file, `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${script}\n`);
  await chmod(file, 0o755);
}

async function addAllTools(): Promise<void> {
  for (const name of ["ffmpeg", "ffprobe", "icecast2"]) await addCommand(name);
}

/** What `apt-get` needs around it, whether the tests run as root or not. */
async function addApt(script: string): Promise<void> {
  await addCommand("apt-get", script);
  await addCommand("sudo", 'shift; exec "$@"');
  await symlink("/usr/bin/env", join(bin, "env"));
}

async function calls(): Promise<string[]> {
  const text = await readFile(join(folder, "calls"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "" && line !== "sudo -n true");
}

/** Runs the set-up of a checkout with nothing in PATH but `bin`. */
function setUp(args: readonly string[] = [], checkout = root): Promise<CliResult> {
  const script = join(checkout, "scripts", "setup.mjs");
  return runProcess(process.execPath, [script, ...args], { cwd: folder, env: { PATH: bin } });
}

/** A checkout in which nothing is installed. */
async function copyCheckout(): Promise<string> {
  const copy = join(folder, "checkout");
  for (const name of ["package.json", "package-lock.json", "tools", "scripts", "bin"]) {
    await cp(join(root, name), join(copy, name), { recursive: true });
  }
  return copy;
}

describe("what the system lacks", () => {
  test("is named with the installer that is there, and the set-up stops", async () => {
    await addCommand("dnf");
    const { status, stderr } = await setUp(["--test"]);
    assert.equal(status, 1);
    assert.match(stderr, /^error: .*ffmpeg, ffprobe, icecast2/);
    assert.match(stderr, /^ {4}(sudo )?dnf install -y ffmpeg-free icecast$/m);
    assert.deepEqual(await calls(), []);
  });

  test("is named where no installer is known", async () => {
    const { status, stderr } = await setUp();
    assert.equal(status, 1);
    assert.match(stderr, /^error: .*Install ffmpeg with the system's package manager/);
  });

  test("is installed by apt where that asks nothing, and only what is missing", async () => {
    for (const name of ["ffmpeg", "ffprobe"]) await addCommand(name);
    await addApt(
      `echo "#!/bin/sh" > ${quote(join(bin, "icecast2"))}; /bin/chmod 755 ${quote(join(bin, "icecast2"))}`,
    );
    const { status, stderr } = await setUp(["--test"]);
    assert.equal(status, 0, stderr);
    const installs = (await calls()).filter((line) => line.startsWith("apt-get"));
    assert.equal(installs.length, 1, "the list of packages is fetched only when it is needed");
    assert.match(installs[0] ?? "", /^apt-get install .* icecast2$/);
    assert.doesNotMatch(installs[0] ?? "", /ffmpeg/);
  });

  test("is named when apt fails, after one attempt with a fresh list", async () => {
    await addApt("echo 'E: no network'; exit 100");
    const { status, stderr } = await setUp();
    assert.equal(status, 1);
    assert.match(stderr, /E: no network/);
    assert.match(stderr, /^ {4}(sudo )?apt-get update && (sudo )?apt-get install .* ffmpeg$/m);
    const verbs = (await calls())
      .filter((line) => line.startsWith("apt-get"))
      .map((line) => line.split(" ")[1]);
    assert.deepEqual(verbs, ["install", "update", "install"]);
  });

  test("is not taken for installed because apt says so", async () => {
    await addApt("exit 0");
    const { status, stderr } = await setUp();
    assert.equal(status, 1);
    assert.match(stderr, /apt-get succeeded, but not found in PATH: ffmpeg, ffprobe/);
  });
});

describe("the npm packages", () => {
  test("are left alone, and nothing is started or said, when all is in place", async () => {
    await addAllTools();
    for (const name of ["npm", "apt-get", "sudo"]) await addCommand(name);
    const { status, stdout, stderr } = await setUp(["--test"]);
    assert.deepEqual(
      { status, stdout, stderr, calls: await calls() },
      { status: 0, stdout: "", stderr: "", calls: [] },
    );
  });

  test("are installed from the lockfile where there are none, and a failure is told", async () => {
    await addAllTools();
    await addCommand("npm", "echo 'npm error network'; exit 1");
    const { status, stderr } = await setUp([], await copyCheckout());
    assert.equal(status, 1);
    assert.match(stderr, /^error: npm ci failed.*\nnpm error network$/m);
    assert.match((await calls()).join(), /^npm ci --include=dev [^,]*$/);
  });

  test("are installed again after an install that was interrupted, or for another lockfile", async () => {
    await addAllTools();
    await addCommand("npm", "exit 1");
    const checkout = await copyCheckout();
    await mkdir(join(checkout, "node_modules"));
    await setUp([], checkout);
    assert.equal((await calls()).length, 1);

    const marker = join("node_modules", ".package-lock.json");
    const installed = (await readFile(join(root, marker), "utf8")).replace(
      /"version": "\d+/,
      '"version": "0',
    );
    await writeFile(join(checkout, marker), installed);
    await setUp([], checkout);
    assert.equal((await calls()).length, 2);
  });
});

describe("bin/save_audio_stream", () => {
  /** A checkout whose program prints what it is and then waits. */
  async function fakeCheckout(): Promise<string> {
    const checkout = await copyCheckout();
    await mkdir(join(checkout, "src"));
    await writeFile(
      join(checkout, "src", "main.ts"),
      "console.log(JSON.stringify([process.pid, process.cwd(), process.argv.slice(2)])); setInterval(() => {}, 1000);",
    );
    await mkdir(join(checkout, "node_modules", ".bin"), { recursive: true });
    await writeFile(join(checkout, "node_modules", ".package-lock.json"), "{}");
    await symlink(process.execPath, join(checkout, "node_modules", ".bin", "node"));
    return checkout;
  }

  test("becomes the program: through symlinks, from any folder, with its pid and its signals", async () => {
    await fakeCheckout();
    await symlink(join("..", "checkout", "bin", "save_audio_stream"), join(bin, "first"));
    await symlink("first", join(bin, "second"));
    const options = { cwd: bin, env: { PATH: "/usr/bin:/bin" } };
    await using child = startProcess(join(bin, "second"), ["serve", "a b", ""], options);
    const [line] = await child.waitForLine(/^\[.*$/);
    assert.deepEqual(JSON.parse(line), [child.pid, bin, ["serve", "a b", ""]]);
    if (process.platform === "linux") {
      assert.equal(await readlink(`/proc/${child.pid}/exe`), await readlink(`/proc/self/exe`));
    }
    assert.equal((await child.stop()).signal, "SIGTERM");
  });

  test("says that the checkout is not set up", async () => {
    const copy = await copyCheckout();
    const { status, stdout, stderr } = await runProcess(join(copy, "bin", "save_audio_stream"), [
      "--version",
    ]);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: "" });
    assert.match(stderr, /^error: .* run `npm ci` there.*\n$/);
  });

  test("takes a Node from PATH only when it is new enough", async () => {
    const checkout = await fakeCheckout();
    await rm(join(checkout, "node_modules", ".bin", "node"));
    await addCommand("node", "exit 1");
    const file = join(checkout, "bin", "save_audio_stream");
    const old = await runProcess(file, [], { env: { PATH: `${bin}:/usr/bin:/bin` } });
    assert.equal(old.status, 1);
    assert.match(old.stderr, /^error: no Node 26 or newer was found.*\n$/);

    await using child = startProcess(file, [], {
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
    });
    assert.match(String(await child.waitForLine(/^\[.*$/)), /^\[\d+/);
  });
});

function quote(text: string): string {
  return `'${text}'`;
}
