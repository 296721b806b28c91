/**
 * Hands work in without leaving the document, and puts the next page, which comes with the answer, in its place.
 *
 * Changing documents costs a browser more than all that the server does. Whatever can't be put in place is asked for at
 * its address; whatever was refused is sent again as the browser does it, which shows what the server says. Without
 * scripts the server redirects (docs/decisions/the-next-task.md).
 */
import { canShow, show } from "../base/page.js";

const PATIENCE_MS = 30_000; // a server that takes longer counts as one that can't be reached
const SLOW_MS = 150;
let here = location.pathname;

document.addEventListener("submit", (event) => {
  const address = addressOf(event);
  if (!address || event.defaultPrevented) return;
  event.preventDefault();
  if ("handingIn" in event.target.dataset) return; // pressed twice
  event.target.dataset.handingIn = "";
  event.submitter?.setAttribute("aria-busy", "true");
  handIn(event.target, address, new URLSearchParams(new FormData(event.target, event.submitter)));
});

addEventListener("popstate", () => {
  if (location.pathname !== here) location.reload(); // back or forward, and not to another part of this page
});

/** Of work that is handed in or skipped here; null for all else. */
function addressOf({ target, submitter }) {
  const address = submitter?.hasAttribute("formaction") ? submitter.formAction : target.action;
  return target.matches("form[data-token]") && /^\/work\/[^/]+\/(submit|skip)\/$/.test(new URL(address).pathname) ? address : null;
}

async function handIn(form, address, body) {
  const focused = document.activeElement;
  const slow = setTimeout(() => (form.inert = true), SLOW_MS); // what is entered now would go nowhere
  let response, page;
  try {
    response = await fetch(`${address}?next=here`, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE_MS) });
    page = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return stay(form, focused);
  } finally {
    clearTimeout(slow);
  }
  const next = response.headers.get("Content-Location");
  if (response.status === 507) return stay(form, focused, "full");
  if (response.redirected) location.assign(response.url); // logged out
  else if (canShow(page)) {
    if (next && next !== here) history.pushState(null, "", next);
    here = location.pathname;
    show(page);
  } else if (next) location.assign(next);
  else {
    form.action = address;
    form.submit();
  }
}

/** The server can't be reached, or has no room left: nothing is lost, and the labeler can press again. */
function stay(form, focused, why = "notnow") {
  delete form.dataset.handingIn;
  form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  form.inert = false;
  focused.focus({ preventScroll: true });
  form.dispatchEvent(new CustomEvent("not-handed-in", { detail: why }));
}
