import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync, statfsSync, writeSync, openSync, closeSync, ftruncateSync } from "node:fs";
import { join } from "node:path";

import { tempDir } from "./temp-dir.ts";

/** A file that is there only to be named to the ioctl. */
const POWER_SWITCH = ".power-switch";

/** What `fillUp` writes. */
export const FILLER = "filler";

/** A file system of the test's own. Bind it with `using`: it is gone afterwards, whoever still uses it. */
export type Mount = Disposable & { path: string };

/** Why this machine lets a test mount nothing; `undefined` when it does. */
export const whyNoMount: string | undefined = whyNot(() => mountTmpfs(1));

/** The same, for a file system in a file, which also needs loop devices. */
export const whyNoLoopMount: string | undefined = whyNot(() => mountExt4(16));

/** A file system in memory. */
export function mountTmpfs(megabytes: number): Mount {
  return mount((path) => ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
}

/** An ext4 file system in a file. It can be unmounted and mounted again. */
export function mountExt4(megabytes: number): Mount & { remount: () => void } {
  const image = tempDir();
  const file = join(image.path, "image");
  const handle = openSync(file, "w");
  ftruncateSync(handle, megabytes * 1024 * 1024);
  closeSync(handle);
  try {
    execFileSync("mkfs.ext4", ["-q", file], { stdio: "pipe" });
    const args = (path: string): string[] => ["-o", "loop", file, path];
    const mounted = mount(args);
    return {
      path: mounted.path,
      remount() {
        execFileSync("umount", [mounted.path], { stdio: "pipe" });
        execFileSync("mount", args(mounted.path), { stdio: "pipe" });
      },
      [Symbol.dispose]() {
        mounted[Symbol.dispose]();
        image[Symbol.dispose]();
      },
    };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}

/**
 * Takes the power from under a file system: nothing that has not reached the disk ever will, and all that comes later fails. The ioctl
 * is FS_IOC_SHUTDOWN with FS_SHUTDOWN_FLAGS_NOLOGFLUSH.
 */
export function cutPower(directory: string): void {
  const script = `open(my $file, "<", $ARGV[0]) or die "$!"; my $how = pack("L", 2); ioctl($file, 0x8004587d, $how) or die "$!"`;
  execFileSync("perl", ["-e", script, join(directory, POWER_SWITCH)], { stdio: "pipe" });
}

/** Writes a file until nothing more fits; it may be there already. */
export function fillUp(directory: string): void {
  const file = openSync(join(directory, FILLER), "a");
  try {
    const { bavail, bsize } = statfsSync(directory);
    const block = new Uint8Array(64 * 1024).fill(1);
    // One more than there is room for; the second loop takes what is left of the last one.
    for (let left = bavail * bsize + block.length; left > 0; left -= block.length) writeSync(file, block);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}

function mount(toArgs: (path: string) => string[]): Mount {
  const dir = tempDir();
  const path = join(dir.path, "mount");
  mkdirSync(path);
  try {
    execFileSync("mount", toArgs(path), { stdio: "pipe" });
  } catch (error) {
    dir[Symbol.dispose]();
    throw error;
  }
  writeFileSync(join(path, POWER_SWITCH), "");
  return {
    path,
    [Symbol.dispose]() {
      spawnSync("umount", ["-l", path]);
      dir[Symbol.dispose]();
    },
  };
}

function whyNot(create: () => Disposable): string | undefined {
  try {
    create()[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `this machine lets a test mount nothing: ${error instanceof Error ? error.message : ""}`.slice(
      0,
      200,
    );
  }
}
