/** Looks every [data-check-again] seconds whether the page has something new to say, and shows it in place. */
let section = document.querySelector("[data-check-again]");
if (section && !section.querySelector("[data-ready]")) {
  const timer = setInterval(async () => {
    if (document.visibilityState !== "visible") return;
    const found = await look().catch(() => null);
    if (!found || found.innerHTML === section.innerHTML) return;
    if (found.querySelector("[data-ready]")) clearInterval(timer);
    section.replaceChildren(...found.childNodes);
  }, Number(section.dataset.checkAgain) * 1000);
}

async function look() {
  const response = await fetch(location.href);
  if (!response.ok || response.redirected) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector("[data-check-again]");
}
