/**
 * The tone clock: sound that tells its own time, so that what was recorded can be measured from what is heard.
 *
 * Every second of Unix time sounds like this, whatever its sample rate:
 *
 * | from, ms | to, ms | sound |
 * |---|---|---|
 * | 0 | 12 | click: a rising sweep, 500 to 3,400 Hz; its first sample is the start of the second |
 * | 12 | 960 | two tones at once: `400 + 20 · second` Hz and, softer, `1700 + 20 · minute` Hz |
 * | 960 | 1000 | silence |
 *
 * The sweep is short enough to be heard as a click, and a filter that is matched to it finds it to a few microseconds
 * even when a codec has smeared it, which no bare click survives. Everything lies below 3.5 kHz, inside the band of
 * every codec and sample rate in use. The second tone makes the sound repeat after an hour and not after a minute: no
 * recorder can take a burst for the one of a minute ago, and an error of whole minutes is seen.
 */

/** Length of the click that starts each second, in seconds. */
export const CLICK_SECONDS = 0.012;
/** Where the tones of a second end and its silence begins, in seconds. */
export const TONE_END_SECONDS = 0.96;
/** Seconds after which the sound repeats. */
export const PERIOD_SECONDS = 3600;

const SWEEP_FROM_HZ = 500;
const SWEEP_TO_HZ = 3400;
const PITCH_STEP_HZ = 20;
const SECOND_BASE_HZ = 400;
const MINUTE_BASE_HZ = 1700;
/** Amplitudes against full scale 1. The loudest instant stays 6 dB below it: codecs overshoot, and must not clip. */
const CLICK_LEVEL = 0.5;
const SECOND_LEVEL = 0.3;
const MINUTE_LEVEL = 0.2;
/** Long enough that a tone starts and ends without a click of its own. */
const TONE_FADE_SECONDS = 0.004;
const CLICK_FADE_SECONDS = 0.001;

/** What to render. `startMs` is Unix time and may have a fraction; `samples` are counted per channel. */
export type ToneClockSpan = { startMs: number; sampleRate: number; samples: number; channels: number };

/** Pitch, in Hz, that tells second `second` (0 to 59) of the minute. */
export function toSecondHz(second: number): number {
  return SECOND_BASE_HZ + PITCH_STEP_HZ * second;
}

/** Pitch, in Hz, that tells minute `minute` (0 to 59) of the hour. */
export function toMinuteHz(minute: number): number {
  return MINUTE_BASE_HZ + PITCH_STEP_HZ * minute;
}

/** The click at `atSeconds` after the start of the second: −0.5 to 0.5, and 0 outside of the click. */
export function toClickLevel(atSeconds: number): number {
  if (atSeconds < 0 || atSeconds >= CLICK_SECONDS) return 0;
  const sweepHzPerSecond = (SWEEP_TO_HZ - SWEEP_FROM_HZ) / CLICK_SECONDS;
  const turns = SWEEP_FROM_HZ * atSeconds + (sweepHzPerSecond / 2) * atSeconds ** 2;
  const fade = toFade(atSeconds, CLICK_SECONDS, CLICK_FADE_SECONDS);
  return CLICK_LEVEL * fade * Math.sin(2 * Math.PI * turns);
}

/**
 * Renders the sound of a span as interleaved 16 bit samples, all channels alike. A pure function of absolute time: spans
 * rendered apart and joined are the same as one span, and no error adds up, because each sample's time is counted from
 * the second in which the span starts.
 */
export function renderToneClock(span: ToneClockSpan): Int16Array {
  const { startMs, sampleRate, samples, channels } = span;
  const pcm = new Int16Array(samples * channels);
  const startSecond = Math.floor(startMs / 1000);
  const offsetSeconds = (startMs - startSecond * 1000) / 1000;
  for (let index = 0; index < samples; index++) {
    const seconds = offsetSeconds + index / sampleRate;
    const whole = Math.floor(seconds);
    const value = Math.round(32_767 * toLevel(startSecond + whole, seconds - whole));
    pcm.fill(value, index * channels, (index + 1) * channels);
  }
  return pcm;
}

/** The sound at `atSeconds` (0 up to 1) after Unix second `unixSecond`. */
function toLevel(unixSecond: number, atSeconds: number): number {
  if (atSeconds < CLICK_SECONDS) return toClickLevel(atSeconds);
  if (atSeconds >= TONE_END_SECONDS) return 0;
  const toneSeconds = TONE_END_SECONDS - CLICK_SECONDS;
  const fade = toFade(atSeconds - CLICK_SECONDS, toneSeconds, TONE_FADE_SECONDS);
  const secondHz = toSecondHz(unixSecond % 60);
  const minuteHz = toMinuteHz(Math.floor(unixSecond / 60) % 60);
  const radians = 2 * Math.PI * atSeconds;
  return fade * (SECOND_LEVEL * Math.sin(radians * secondHz) + MINUTE_LEVEL * Math.sin(radians * minuteHz));
}

/** From 0 up to 1 over the first `fadeSeconds` of `lengthSeconds`, and down again over the last. */
function toFade(atSeconds: number, lengthSeconds: number, fadeSeconds: number): number {
  const edgeSeconds = Math.min(atSeconds, lengthSeconds - atSeconds);
  return edgeSeconds >= fadeSeconds ? 1 : Math.sin((Math.PI / 2) * (edgeSeconds / fadeSeconds)) ** 2;
}
