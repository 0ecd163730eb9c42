import { Hono, type MiddlewareHandler } from "hono";

import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import type { ShowHealth } from "../core/show-health.ts";
import type { Receivers } from "../store/receivers.ts";
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
  /** Who pulls from here; `undefined`: nobody may. */
  receivers: Receivers | undefined;
};

/** The whole HTTP side of the program. */
export function createApp(parts: AppParts): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    const problem = toProblem(error, context);
    if (problem.status >= 500) logFailure(parts.log, context.req.path, error);
    return problem;
  });
  app.notFound((context) =>
    toProblem(new AppError("not-found", "there is nothing at this address"), context),
  );
  app.use("*", forbidStoring);
  app.route("/api/health", createHealthRoutes(parts));
  app.use("*", requireToken(parts.token));
  const { receivers } = parts;
  if (receivers !== undefined) app.route("/api/sync/shows", createSyncRoutes({ ...parts, receivers }));
  app.route("/api/shows", createPlaybackRoutes(parts.library, parts.log));
  app.route("/", createPageRoutes());
  return app;
}

/**
 * Answers tell what the databases hold now, and often only to those who have the token: no cache may keep one. What may
 * be kept says so itself.
 */
const forbidStoring: MiddlewareHandler = async (context, next) => {
  await next();
  if (!context.res.headers.has("Cache-Control")) context.header("Cache-Control", "no-store");
};

/** A stranger is told little of a failure on this side, so the log has to tell the rest. */
function logFailure(log: Log, path: string, error: unknown): void {
  if (error instanceof AppError) log.warn(`a request for ${path} failed: ${error.message}`);
  else log.warn(`a request for ${path} failed`, error);
}
