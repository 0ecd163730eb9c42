import { Hono } from "hono";

import { HEALTH_STATUSES, type ShowHealth, toHealthStatus } from "../core/show-health.ts";
import type { Receivers } from "../store/receivers.ts";
import { hasToken } from "./auth.ts";

export type HealthParts = {
  token: string | undefined;
  health: () => readonly ShowHealth[];
  receivers: Receivers | undefined;
};

/**
 * Whether the program is alive, which anybody may know; with the token also what each show is doing. The answer is 200 also when
 * something is wrong: a program that is started again because the disk is full has no more room than before.
 */
export function createHealthRoutes({ token, health, receivers }: HealthParts): Hono {
  const routes = new Hono();
  routes.get("/", (context) => {
    if (!hasToken(context, token)) return context.json({ status: "ok" });
    const nowMs = Date.now();
    const shows = health().map((show) => ({
      name: show.name,
      state: show.state,
      ...toHealthStatus(show),
      last_byte_age_ms: show.lastByteMs === null ? null : Math.max(0, nowMs - show.lastByteMs),
      save_every_ms: Math.round(show.saveEveryMs),
      receivers: receivers?.list(show).map(({ name, lastSyncedId, seenMs }) => ({
        name,
        last_synced_id: lastSyncedId,
        seen_age_ms: Math.max(0, nowMs - seenMs),
      })),
    }));
    const status = HEALTH_STATUSES.findLast((worst) => shows.some((show) => show.status === worst)) ?? "ok";
    return context.json({ status, shows });
  });
  return routes;
}
