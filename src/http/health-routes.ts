import { Hono } from "hono";

import type { ShowHealth } from "../core/show-health.ts";
import { hasToken } from "./auth.ts";

/** Whether the program is alive, which anybody may know; with the token also what each show is doing. */
export function createHealthRoutes(token: string | undefined, health: () => readonly ShowHealth[]): Hono {
  const routes = new Hono();
  routes.get("/", (context) => {
    if (!hasToken(context, token)) return context.json({ status: "ok" });
    const nowMs = Date.now();
    const shows = health().map((show) => ({
      name: show.name,
      state: show.state,
      last_byte_age_ms: show.lastByteMs === null ? null : Math.max(0, nowMs - show.lastByteMs),
    }));
    return context.json({ status: "ok", shows });
  });
  return routes;
}
