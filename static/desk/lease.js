/**
 * Holds the task of somebody who reads or thinks and changes nothing: every half minute of work renews the lease, as a
 * saved draft does. Where it ran out before, and others have taken the place, the page says so.
 */
import { csrfToken } from "../base/csrf.js";
import { onPage } from "../base/page.js";
import { holdUntil } from "./held-until.js";

const RENEW_AFTER_S = 30; // of work; the shortest lease is a minute

onPage((signal) => {
  const url = document.getElementById("pause")?.dataset.hold;
  if (!url) return; // nobody waits for a labeler's own writing
  let worked = 0;
  document.addEventListener("worked", count, { signal });

  function count(event) {
    worked += event.detail;
    if (worked < RENEW_AFTER_S) return;
    worked = 0;
    renew(url, signal);
  }
});

async function renew(url, signal) {
  try {
    const body = new URLSearchParams({ at_work: "1" });
    const response = await fetch(url, { method: "POST", headers: { "X-CSRFToken": csrfToken() }, body, signal });
    if (response.ok) holdUntil(new Date());
    if (response.status === 409) document.dispatchEvent(new CustomEvent("lease-lost"));
  } catch {
    // Without a connection the lease runs on; the draft is kept in any case.
  }
}
