/** Says in [data-order] and on each card what the ranks add up to: the order so far, ties, and what is still open. */
const order = document.querySelector("[data-order]");
const form = order?.closest("form");

if (order) {
  form.addEventListener("change", draw);
  form.addEventListener("draft-restored", draw);
  draw();
}

function draw() {
  const cards = [...form.querySelectorAll("[data-card]")].map((card) => ({
    letter: card.dataset.card,
    rank: Number(card.querySelector('input[name$="-rank"]:checked')?.value ?? 0),
    rated: card.querySelector('input[name$="-quality"]:checked') !== null,
    standing: card.querySelector("[data-standing]"),
  }));
  const ranked = cards.filter((card) => card.rank);
  order.querySelector("[data-progress-text]").textContent = filled(order.dataset.progress, {
    rated: cards.filter((card) => card.rated).length,
    ranked: ranked.length,
    k: cards.length,
  });
  const tiers = Map.groupBy ? Map.groupBy(ranked, (card) => card.rank) : grouped(ranked);
  order.querySelector("[data-tiers]").replaceChildren(
    ...[...tiers.keys()].sort((a, b) => a - b).map((rank) => tier(rank, tiers.get(rank))),
    ...(ranked.length && ranked.length < cards.length ? [open(cards.filter((card) => !card.rank))] : []),
  );
  for (const card of cards) card.standing.textContent = standing(card, tiers.get(card.rank) ?? []);
}

function grouped(cards) {
  const tiers = new Map();
  for (const card of cards) tiers.set(card.rank, [...(tiers.get(card.rank) ?? []), card]);
  return tiers;
}

function standing(card, tier) {
  if (!card.rank) return "";
  const others = tier.filter((other) => other !== card).map((other) => other.letter);
  return filled(others.length ? order.dataset.tied : order.dataset.ranked, {
    rank: card.rank,
    letters: others.join(", "),
  });
}

function tier(rank, cards) {
  return chip(String(rank), cards.map((card) => card.letter).join(" = "));
}

function open(cards) {
  const item = chip(order.dataset.open, cards.map((card) => card.letter).join(" "));
  item.className = "open";
  return item;
}

function chip(label, letters) {
  const item = document.createElement("li");
  const head = document.createElement("b");
  const body = document.createElement("span");
  head.textContent = label;
  body.textContent = letters;
  item.append(head, body);
  return item;
}

function filled(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
