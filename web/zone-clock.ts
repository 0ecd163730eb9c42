/** Writes moments (Unix milliseconds) as a show's own clock and calendar have them. */
export type ZoneClock = {
  /** IANA; UTC where this browser does not know the show's zone. */
  zone: string;
  /** `2026-07-15`; sorts, and tells days apart. */
  day: (ms: number) => string;
  /** `Wednesday 15 July 2026`. */
  dayName: (ms: number) => string;
  /** `Wed 15 July`. */
  shortDay: (ms: number) => string;
  /** `15 Jul 2026`. */
  date: (ms: number) => string;
  /** `21:47`. */
  time: (ms: number) => string;
  /** `32`. */
  seconds: (ms: number) => string;
};

const clocks = new Map<string, ZoneClock>();

/** The clock of a zone. Formats are costly to make, so each zone has one for as long as the page is open. */
export function toZoneClock(timezone: string): ZoneClock {
  const clock = clocks.get(timezone) ?? createZoneClock(toKnownZone(timezone));
  clocks.set(timezone, clock);
  return clock;
}

function createZoneClock(timeZone: string): ZoneClock {
  const toFormat = (options: Intl.DateTimeFormatOptions, locale = "en-GB"): ((ms: number) => string) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone, ...options });
    return (ms) => format.format(ms);
  };
  const seconds = toFormat({ second: "2-digit" });
  return {
    zone: timeZone,
    day: toFormat({ year: "numeric", month: "2-digit", day: "2-digit" }, "sv-SE"),
    dayName: toFormat({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    shortDay: toFormat({ weekday: "short", day: "numeric", month: "long" }),
    date: toFormat({ day: "numeric", month: "short", year: "numeric" }),
    time: toFormat({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    seconds: (ms) => seconds(ms).padStart(2, "0"),
  };
}

/** A recipient's zone was written by its sender, so it may be one that nobody knows. */
function toKnownZone(timezone: string): string {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: timezone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}
