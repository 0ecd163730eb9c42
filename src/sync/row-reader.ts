/** Cuts answers into their rows as their bytes come. */
export interface RowReader {
  /** Whether an answer may end here. */
  readonly isWhole: boolean;
  push(chunk: Uint8Array): void;
  /** The next row that is whole; `undefined` when more has to come. Its bytes may be views of shared memory, which hold until `release` is called twice. */
  next(): { item: unknown } | undefined;
  /** To be called for each batch of rows: those before the last call are needed no more. */
  release(): void;
}

export type RowReaderBounds = {
  /** A row of more is refused as soon as it is known to have more. */
  itemBytesMax: number;
  /** Room for what comes between one `release` and the next. */
  roomBytes: number;
};
