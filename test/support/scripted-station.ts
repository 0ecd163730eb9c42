import { systemClock } from "../../src/core/clock.ts";
import { type OpenStation, openStation } from "../../src/record/open-station.ts";

/** A connection that says what `body` yields, when it yields it, read as far as its format can be told. The caller closes it. */
export async function openScripted(
  body: AsyncGenerator<Uint8Array>,
  signal: AbortSignal,
): Promise<OpenStation> {
  const connection = { body, icyMetaInterval: undefined, serverDateMs: undefined, close: () => undefined };
  const source = { connect: () => Promise.resolve(connection) };
  return await openStation({ show: { headers: {} }, url: "", clock: systemClock, source }, signal);
}
