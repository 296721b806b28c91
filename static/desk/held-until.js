/** Says in [data-held-until] until when the work is held: for so many minutes after it was saved or read last. */
import { writeTime } from "../base/local-time.js";

export function holdUntil(since) {
  const time = document.querySelector("[data-held-until]");
  if (!time) return;
  time.dateTime = new Date(since.getTime() + Number(time.dataset.heldUntil) * 60_000).toISOString();
  writeTime(time);
}
