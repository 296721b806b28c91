/**
 * Shows text as the model writes it: each [data-live] has a data-url of server-sent events (labeling/base/live_text.py).
 *
 * It lies in a [data-poll] box, whose HTML comes anew each second: what has arrived is kept here, by address. An event
 * `text` adds to it (`of` names the attempt; another one begins anew), `look` says that there is more to be seen, `end`
 * that nothing more comes. The browser connects again by itself and says behind which entry it goes on. Without events,
 * or with a proxy that keeps them back, the page shows what looking every second finds.
 */
const streams = new Map(); // by address: { source, of, text }

for (const box of document.querySelectorAll("[data-poll]")) show(box);
document.addEventListener("poll-shown", (event) => show(event.target));
addEventListener("pagehide", () => streams.forEach(close));

function show(box) {
  for (const place of box.querySelectorAll("[data-live]")) {
    const url = place.dataset.url;
    if (!streams.has(url)) open(url, box);
    paint(place);
  }
  for (const [url, stream] of streams) {
    if (stream.box === box && !box.querySelector(`[data-live][data-url="${url}"]`)) close(stream, url);
  }
}

function open(url, box) {
  const stream = { source: new EventSource(url), box, of: "", text: "" };
  streams.set(url, stream);
  stream.source.addEventListener("text", (event) => {
    const { of, add } = JSON.parse(event.data);
    stream.text = grown(stream, of, add);
    stream.of = of;
    for (const place of box.querySelectorAll("[data-live]")) paint(place);
  });
  stream.source.addEventListener("look", () => look(box));
  stream.source.addEventListener("end", () => {
    stream.source.close();
    look(box);
  });
}

function grown(stream, of, add) {
  return of === stream.of ? stream.text + add : add;
}

function look(box) {
  box.dispatchEvent(new CustomEvent("poll-look"));
}

function paint(place) {
  const text = streams.get(place.dataset.url)?.text ?? "";
  place.textContent = text;
  place.hidden = !text;
}

function close(stream, url) {
  stream.source.close();
  streams.delete(url);
}
