import { setTimeout as sleep } from "node:timers/promises";
import { findCommand, run, say, SetupError, timed } from "./run.mjs";

/**
 * Programs that npm does not bring: the names that they go by, and the package that holds them for each installer.
 * Debian calls the Icecast server `icecast2`, everyone else `icecast`.
 */
const ffmpeg = { "apt-get": "ffmpeg", brew: "ffmpeg", dnf: "ffmpeg-free", pacman: "ffmpeg" };
const icecast = { "apt-get": "icecast2", brew: "icecast", dnf: "icecast", pacman: "icecast" };
const tools = [
  { commands: ["ffmpeg"], packages: ffmpeg },
  { commands: ["ffprobe"], packages: ffmpeg },
  { commands: ["icecast2", "icecast"], packages: icecast, onlyForTests: true },
];

/** What an installer is typed as; the first one that is in PATH is meant. */
const installers = {
  "apt-get": "sudo apt-get update && sudo apt-get install -y --no-install-recommends",
  dnf: "sudo dnf install -y",
  pacman: "sudo pacman -S --needed",
  brew: "brew install",
};

/** Attempts at a package list that another process holds; apt itself waits for the dpkg lock only. */
const updateAttempts = 6;
const updatePauseMs = 5000;

const aptOptions = ["-y", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"];

/** The tools that are needed and not in PATH. */
export function missingTools(forTests) {
  return tools
    .filter((tool) => forTests || !tool.onlyForTests)
    .filter((tool) => !tool.commands.some((command) => findCommand(command) !== undefined));
}

function packagesFor(missing, installer) {
  return [...new Set(missing.map((tool) => tool.packages[installer]))];
}

/** Says what is missing and the one command that brings it. */
function missingToolsError(missing, before = "") {
  const names = missing.map((tool) => tool.commands[0]).join(", ");
  const installer = Object.keys(installers).find((name) => findCommand(name) !== undefined);
  const script = process.env.npm_lifecycle_event === "pretest" ? "npm test" : "npm run demo";
  if (installer === undefined) {
    const packages = packagesFor(missing, "brew").join(" ");
    return new SetupError(
      `${before}not found in PATH: ${names}. Install ${packages} with the system's package manager, then run \`${script}\` again.`,
    );
  }
  const prefix =
    process.getuid?.() === 0 ? installers[installer].replaceAll("sudo ", "") : installers[installer];
  const command = `${prefix} ${packagesFor(missing, installer).join(" ")}`;
  return new SetupError(
    `${before}not found in PATH: ${names}. Install with\n\n    ${command}\n\nthen run \`${script}\` again.`,
  );
}

/** How apt may be called without asking anyone: as root, or where sudo needs no password. Stops the set-up otherwise. */
export async function planInstall(missing) {
  if (findCommand("apt-get") !== undefined) {
    if (process.getuid?.() === 0) return [];
    if (findCommand("sudo") !== undefined && (await run("sudo", ["-n", "true"])).status === 0)
      return ["sudo", "-n"];
  }
  throw missingToolsError(missing);
}

/**
 * Installs with apt. The package list is fetched only when the first attempt fails, which is when it is missing or too
 * old.
 *
 * `SYSTEMD_OFFLINE` makes systemctl ignore requests to start something: Icecast is wanted as a program that tests start
 * on ports of their own, never as a service on port 8000. Debian's package leaves that service disabled by itself.
 */
export async function installTools(missing, asRoot) {
  const packages = packagesFor(missing, "apt-get");
  const apt = (...args) => {
    const env = ["DEBIAN_FRONTEND=noninteractive", "SYSTEMD_OFFLINE=1"];
    const [command, ...rest] = [...asRoot, "env", ...env, "apt-get", ...args];
    return run(command, rest);
  };
  const install = () =>
    apt(
      "install",
      ...aptOptions,
      "--no-install-recommends",
      "-o",
      "Dpkg::Options::=--force-confold",
      ...packages,
    );

  await timed(`installing ${packages.join(", ")} (apt-get)`, `${packages.join(", ")} installed`, async () => {
    let { status, output } = await install();
    if (status !== 0) {
      say("fetching the list of packages (apt-get update) …");
      await updateList(apt);
      ({ status, output } = await install());
    }
    const still = missing.filter(
      (tool) => !tool.commands.some((command) => findCommand(command) !== undefined),
    );
    if (status !== 0) throw missingToolsError(missing, `apt-get failed; this is what it said:\n${output}\n`);
    if (still.length > 0) throw missingToolsError(still, "apt-get succeeded, but ");
  });
}

/** A failure is left to the install that follows: one broken third-party source must not stop a list that is usable. */
async function updateList(apt) {
  for (let attempt = 1; attempt <= updateAttempts; attempt++) {
    const { status, output } = await apt("update", ...aptOptions);
    if (status === 0 || !output.includes("/lists/lock")) return;
    if (attempt < updateAttempts) await sleep(updatePauseMs);
  }
}
