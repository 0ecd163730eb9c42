import { spawnSync } from "node:child_process";

/** A card that nobody has: what is sent to it is dropped in silence by whoever gets it. */
const NOBODY = "02:00:00:00:00:01";

/** A network of its own for a process, joined to this machine's by one cable. Bind it with `using`. */
export interface NetworkNamespace extends Disposable {
  /** This machine's end of the cable, as seen from within. */
  readonly hostAddress: string;
  /** What to put before a command that is to run within. */
  readonly enter: readonly string[];
  /** From now on every packet, both ways, is lost without a word to anybody. */
  dropAll(): void;
  /** Lets packets through again. */
  heal(): void;
}

/** Makes a network namespace; `undefined` where this process may not, or has no `ip`. */
export function createNetworkNamespace(): NetworkNamespace | undefined {
  const name = `sas${process.pid}`;
  const subnet = `10.203.${(process.pid >> 6) % 256}.${(process.pid % 64) * 4}`;
  const [hostAddress, innerAddress] = [1, 2].map((host) =>
    subnet.replace(/\d+$/, (last) => `${+last + host}`),
  );
  const outer = { link: `${name}a`, peer: innerAddress ?? "", ip: [] };
  const inner = { link: `${name}b`, peer: hostAddress ?? "", ip: ["-n", name] };
  const remove = (): void => void spawnSync("ip", ["netns", "del", name]);
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return undefined;
  process.once("exit", remove);
  try {
    run("link", "add", outer.link, "type", "veth", "peer", "name", inner.link, "netns", name);
    run("addr", "add", `${inner.peer}/30`, "dev", outer.link);
    run(...inner.ip, "addr", "add", `${outer.peer}/30`, "dev", inner.link);
    run("link", "set", outer.link, "up");
    run(...inner.ip, "link", "set", inner.link, "up");
    run(...inner.ip, "link", "set", "lo", "up");
  } catch {
    remove();
    return undefined;
  }
  return {
    hostAddress: inner.peer,
    enter: ["ip", "netns", "exec", name],
    dropAll() {
      for (const { ip, peer, link } of [outer, inner]) {
        run(...ip, "neigh", "replace", peer, "lladdr", NOBODY, "dev", link, "nud", "permanent");
      }
    },
    heal() {
      for (const { ip, peer, link } of [outer, inner]) run(...ip, "neigh", "del", peer, "dev", link);
    },
    [Symbol.dispose]() {
      process.off("exit", remove);
      remove();
    },
  };
}

function run(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}
