export type Interval = { start: number; end: number };

/** A set of numbers as ascending stretches that do not touch; ends are excluded. */
export class IntervalSet {
  #list: Interval[] = [];

  get list(): readonly Interval[] {
    return this.#list;
  }

  /** Adds a stretch, and joins it to others that are not further than `slack` away. */
  add(start: number, end: number, slack = 0): void {
    if (end <= start) return;
    let first = this.#list.length;
    while (first > 0 && (this.#list[first - 1]?.end ?? 0) >= start - slack) first--;
    let last = first;
    const joined = { start, end };
    for (let next = this.#list[last]; next !== undefined && next.start <= end + slack;) {
      joined.start = Math.min(joined.start, next.start);
      joined.end = Math.max(joined.end, next.end);
      next = this.#list[++last];
    }
    this.#list.splice(first, last - first, joined);
  }

  /** How much of the stretch is in the set. */
  overlap(start: number, end: number): number {
    let sum = 0;
    for (let index = this.#list.length - 1; index >= 0; index--) {
      const held = this.#list[index];
      if (held === undefined || held.end <= start) break;
      sum += Math.max(0, Math.min(end, held.end) - Math.max(start, held.start));
    }
    return sum;
  }

  /** The parts of this set that none of the others has. */
  without(...others: readonly IntervalSet[]): Interval[] {
    const merged = new IntervalSet();
    for (const { start, end } of others.flatMap((other) => other.list).sort((a, b) => a.start - b.start)) {
      merged.add(start, end);
    }
    const left: Interval[] = [];
    for (const { start, end } of this.#list) {
      let from = start;
      for (const held of merged.list) {
        if (held.end <= from) continue;
        if (held.start >= end) break;
        if (held.start > from) left.push({ start: from, end: held.start });
        from = held.end;
      }
      if (from < end) left.push({ start: from, end });
    }
    return left;
  }

  /** Forgets what lies before a place. */
  forgetBefore(place: number): void {
    this.#list = this.#list
      .filter((held) => held.end > place)
      .map((held) => ({ start: Math.max(held.start, place), end: held.end }));
  }
}
