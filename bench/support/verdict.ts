/** A figure against its bound, as a line. */
export type Verdict = { isGood: boolean; text: string };

type Bound = { max: number } | { min: number };

export function toVerdict(name: string, value: number, bound: Bound): Verdict {
  const isGood = "max" in bound ? value <= bound.max : value >= bound.min;
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(2);
  const limit = "max" in bound ? `at most ${bound.max}` : `at least ${bound.min}`;
  return { isGood, text: `${isGood ? "ok    " : "FAILED"}  ${name}: ${shown} (${limit})` };
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
