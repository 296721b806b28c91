/** Writes the times [data-local-time], which the server gives in UTC, as the reader's own clock and language have them. */
import { onPage } from "./page.js";

const language = document.documentElement.lang;
const formats = {
  "": new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }),
  time: new Intl.DateTimeFormat(language, { timeStyle: "short" }),
};
onPage(() => {
  for (const time of document.querySelectorAll("time[data-local-time]")) writeTime(time);
});

/** [data-local-time=time] without the day. */
export function writeTime(time) {
  time.textContent = formats[time.dataset.localTime].format(new Date(time.dateTime));
}
