import { readFileSync } from "node:fs";
import { extname } from "node:path";

import { Hono } from "hono";

import { AppError } from "../core/app-error.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page loads nothing from elsewhere, and nothing that was not built into it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The built page: beside the program when that is installed, in `dist/web` when it runs from source. */
const PAGE_ROOT: URL = new URL(
  extname(import.meta.url) === ".ts" ? "../../dist/web/" : "../web/",
  import.meta.url,
);

/** The player's page and the files that it is built of, whose names change with their content. */
export function createPageRoutes(): Hono {
  const routes = new Hono();
  routes.get("/", () => toFile("index.html", "no-cache"));
  routes.get("/assets/:file{[A-Za-z0-9._-]+}", (context) =>
    toFile(`assets/${context.req.param("file")}`, "public, max-age=31536000, immutable"),
  );
  return routes;
}

function toFile(path: string, cacheControl: string): Response {
  return new Response(readPageFile(path), {
    headers: {
      "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
      "Cache-Control": cacheControl,
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
      "X-Content-Type-Options": "nosniff",
    },
  });
}

function readPageFile(path: string): Uint8Array<ArrayBuffer> {
  try {
    return readFileSync(new URL(path, PAGE_ROOT));
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) throw error;
    throw new AppError("not-found", "there is no such page; in a checkout, npm ci builds it", {
      cause: error,
    });
  }
}
