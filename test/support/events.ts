import { DatabaseSync } from "node:sqlite";

/** What the events of one kind tell, oldest first. */
export function readEvents(path: string, kind: string): Record<string, unknown>[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare("SELECT data FROM events WHERE kind = ? ORDER BY id").all(kind);
  return rows.map((row) => JSON.parse(String(row["data"])));
}
