/** Writes the times [data-local-time], which the server gives in UTC, as the reader's own clock and language have them. */
import { onPage } from "./page.js";

const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
onPage(() => {
  for (const time of document.querySelectorAll("time[data-local-time]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
});
