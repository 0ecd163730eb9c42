/** A server that has not answered by then will not. */
const TIMEOUT_MS = 15_000;

/** The server answered, and it was an error; the message is its own. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** Reads one of the server's answers. Throws `AnswerError`, or what `fetch` throws when there is no answer at all. */
export async function readJson<T>(path: string, abort: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.any([abort, AbortSignal.timeout(TIMEOUT_MS)]) });
  if (response.ok) return response.json();
  throw new AnswerError(await readDetail(response));
}

/** What went wrong, in words of the server's (RFC 9457), or of HTTP's where something else answered. */
async function readDetail(response: Response): Promise<string> {
  const problem: unknown = await response.json().catch(() => undefined);
  if (typeof problem === "object" && problem !== null && "detail" in problem) return String(problem.detail);
  return `${response.status} ${response.statusText}`.trim();
}

/** What the page says about a round that failed. */
export function toTroubleText(error: unknown): string {
  if (error instanceof AnswerError) return `The server cannot help: ${error.message}.`;
  return "The server does not answer.";
}
