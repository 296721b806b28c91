// Follows a training run: every element with data-live is redrawn from the address that it names until the run ends.

const EVERY_MS = 3000;
const SLOWER_MS = 15000; // after a failed request: the server may be restarting

for (const place of document.querySelectorAll("[data-live]")) {
  follow(place);
}

async function follow(place) {
  let pause = EVERY_MS;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (document.hidden) continue;
    const news = await ask(place.dataset.live);
    pause = news ? EVERY_MS : SLOWER_MS;
    if (!news) continue;
    redraw(place, news.html);
    if (!news.active) {
      window.location.reload(); // the evaluation and the buttons change as well
      return;
    }
  }
}

async function ask(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function redraw(place, html) {
  const read = place.querySelector(".cc-log")?.scrollTop ?? 0; // 0 is the end of the log: it is turned around
  place.innerHTML = html;
  const log = place.querySelector(".cc-log");
  if (log) log.scrollTop = read;
}
