import { AppError } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import type { DiskRoom } from "./disk-room.ts";
import type { Retention } from "./retention.ts";

const LOOK_EVERY_MS = 1000;

export type RoomSeeker = {
  clock: Clock;
  room: DiskRoom;
  retention: Retention;
};

/**
 * Returns at once, unless a write has found the disk full: then when there is room again, or `signal` aborts. The show does
 * its part and deletes what is older than its retention. The station is left alone meanwhile.
 */
export async function waitForRoom(seeker: RoomSeeker, signal: AbortSignal): Promise<void> {
  const { room, clock } = seeker;
  while (room.ballast.isReleased && !signal.aborted) {
    makeRoom(seeker);
    room.look();
    if (room.ballast.isReleased) await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

function makeRoom({ retention }: RoomSeeker): void {
  try {
    retention.makeRoom();
  } catch (error) {
    // Another program may have taken the room that the ballast gave; when that program gives some back, this works again.
    if (!(error instanceof AppError) || error.code !== "disk-full") throw error;
  }
}
