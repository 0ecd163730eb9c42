/** Cuts an answer into its rows as its bytes come. */
export interface RowReader {
  /** Whether the answer may end here. */
  readonly isWhole: boolean;
  push(chunk: Uint8Array): void;
  /** The next row that is whole; `undefined` when more has to come. Its bytes may be views that hold until `release` is called twice. */
  next(): { item: unknown } | undefined;
  /** To be called now and then: bytes of the rows before the last call are needed no more. */
  release(): void;
}

export type RowReaderBounds = {
  /** A row of more is refused as soon as it is known to have more. */
  itemBytesMax: number;
  /** Room for what comes between one `release` and the next. */
  roomBytes: number;
};
