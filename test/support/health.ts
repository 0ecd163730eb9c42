import { setTimeout as delay } from "node:timers/promises";

/** What `/api/health` tells to whoever has the token. */
export type Health = {
  status: string;
  shows: {
    name: string;
    state: string;
    status: string;
    problem: string | null;
    last_byte_age_ms: number | null;
    save_every_ms: number;
  }[];
};

export async function readHealth(url: string): Promise<Health> {
  return JSON.parse(await (await fetch(`${url}/api/health`)).text());
}

/** Asks until the answer is as wanted; returns it and how long that took. */
export async function waitForHealth(
  url: string,
  isWanted: (health: Health) => boolean,
  timeoutMs = 30_000,
): Promise<{ health: Health; tookMs: number }> {
  const startMs = performance.now();
  for (;;) {
    const health = await readHealth(url);
    const tookMs = performance.now() - startMs;
    if (isWanted(health)) return { health, tookMs };
    if (tookMs > timeoutMs) throw new Error(`health is still ${JSON.stringify(health)}`);
    await delay(100);
  }
}

/** All is well, and every show records. */
export function isGreen(health: Health): boolean {
  return health.status === "ok" && health.shows.every((show) => show.state === "recording");
}
