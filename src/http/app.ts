import { Hono } from "hono";

import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import type { ShowHealth } from "../core/show-health.ts";
import type { Library } from "../store/library.ts";
import { requireToken } from "./auth.ts";
import { createHealthRoutes } from "./health-routes.ts";
import { createPageRoutes } from "./page-routes.ts";
import { createPlaybackRoutes } from "./playback-routes.ts";
import { toProblem } from "./problem.ts";
import { createSyncRoutes } from "./sync-routes.ts";

export type AppParts = {
  library: Library;
  log: Log;
  /** Every request but the bare liveness has to carry it; `undefined`: none has to. */
  token: string | undefined;
  /** The present of the shows that are being recorded here. */
  health: () => readonly ShowHealth[];
  /** Whether receivers may pull from here. */
  isSender: boolean;
};

/** The whole HTTP side of the program. */
export function createApp(parts: AppParts): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    if (!(error instanceof AppError)) parts.log.warn(`a request for ${context.req.path} failed`, error);
    return toProblem(error, context);
  });
  app.notFound((context) =>
    toProblem(new AppError("not-found", "there is nothing at this address"), context),
  );
  app.route("/api/health", createHealthRoutes(parts.token, parts.health));
  app.use("*", requireToken(parts.token));
  if (parts.isSender) app.route("/api/sync/shows", createSyncRoutes(parts.library));
  app.route("/api/shows", createPlaybackRoutes(parts.library));
  app.route("/", createPageRoutes());
  return app;
}
