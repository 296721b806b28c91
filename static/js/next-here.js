/**
 * After a submission or a skip the next page is the answer itself instead of an address to ask for again.
 *
 * The browser then shows it at the address that was posted to; here it takes its own, so that a reload asks for the page
 * and sends nothing twice. Without scripts the server redirects (docs/decisions/the-next-task.md).
 */
const form = document.querySelector(`form[data-token][action$="/submit/"]`);
if (form) {
  const own = new URL("..", form.action).pathname; // of the work that is handed in at …/submit/
  if (location.pathname !== own) history.replaceState(history.state, "", own);
  form.action = here(form.action);
  for (const button of form.querySelectorAll("[formaction]")) button.formAction = here(button.formAction);
}

function here(address) {
  const url = new URL(address);
  url.searchParams.set("next", "here");
  return url.href;
}
