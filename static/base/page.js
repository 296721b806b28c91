/**
 * One document shows a page of work after the other (next-page.js). What a script does to a page, it does in `onPage`;
 * what it does for as long as the document is there, it does outside.
 */
const scripts = [];
let leaving = new AbortController();

/** Calls begin(signal) for the page that is here, and for each that comes. The signal aborts when that page goes. */
export function onPage(begin) {
  scripts.push(begin);
  begin(leaving.signal);
}

/** Puts the body of `page`, a document, in the place of what is shown, and begins every script on it. */
export function show(page) {
  leaving.abort();
  leaving = new AbortController();
  document.title = page.title;
  document.body.replaceWith(page.body);
  for (const begin of scripts) {
    try {
      begin(leaving.signal);
    } catch (error) {
      reportError(error); // as when a page is loaded: one script that fails takes none of the others along
    }
  }
  scrollTo(0, 0);
  // Where a page that is loaded puts the focus, and with it what a screen reader says.
  (document.querySelector("main [autofocus]") ?? document.getElementById("main")).focus({ preventScroll: true });
}

/** True where `page` has this one's scripts, styles, language and person: then it can take its place. */
export function canShow(page) {
  return Boolean(page.getElementById("main")) && makeOf(page) === makeOf(document);
}

function makeOf(page) {
  const files = [...page.querySelectorAll("script[src], link[rel=stylesheet]")];
  const names = files.map((file) => file.getAttribute("src") ?? file.getAttribute("href"));
  return [page.documentElement.lang, page.body.dataset.labeler, ...names].join(" ");
}
