/** A connection to a station that has answered with a stream. Whoever opened it closes it. */
export type StreamConnection = {
  /** As it comes from the network, titles included. It ends or throws when the connection does. */
  body: AsyncIterable<Uint8Array>;
  /** Bytes of audio between two titles; `undefined` when there are none. */
  icyMetaInterval: number | undefined;
  /** The server's `Date`, Unix milliseconds, whole seconds; `undefined` when it sent none that can be read. */
  serverDateMs: number | undefined;
  /** Ends the connection, and with it the body. May be called more than once. */
  close(): void;
};

/** Opens streams. */
export interface StreamSource {
  /** Throws `network` when there is no stream to be had. The connection ends when `signal` aborts. */
  connect(
    station: { url: string; headers: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<StreamConnection>;
}
