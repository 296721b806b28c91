/** The text of an element as it is read, and marks on parts of it, whatever elements it is made of. */
const BLOCKS = "p, li, pre, h1, h2, h3, h4, h5, h6, td, th, tr, blockquote, ul, ol, table, hr, br";
const HOLDERS = "ul, ol, table, thead, tbody, tr, blockquote"; // white space between their children is not seen

/** {text, pieces}: where in the text each piece, a text node or a formula, stands. Blocks are on lines of their own. */
export function textOf(element) {
  const pieces = [];
  let text = "";
  const add = (node, words) => {
    pieces.push({ node, from: text.length, to: text.length + words.length });
    text += words;
  };
  const walk = (parent) => {
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) {
        if (node.data.trim() || !parent.matches(HOLDERS)) add(node, node.data);
      } else if (node.localName === "math") {
        add(node, node.querySelector("annotation")?.textContent ?? node.textContent);
      } else {
        const isBlock = node.matches?.(BLOCKS);
        if (isBlock && text && !text.endsWith("\n")) text += "\n";
        walk(node);
        if (isBlock && text && !text.endsWith("\n")) text += "\n";
      }
    }
  };
  walk(element);
  return { text, pieces };
}

/** Puts a <mark> around what only this text has. `runs`: [[text, whether only this one has it], …] of the whole text. */
export function markRuns(pieces, runs) {
  const ranges = [];
  let at = 0;
  for (const [text, only] of runs) {
    if (only) ranges.push([at, at + text.length]);
    at += text.length;
  }
  let first = 0;
  for (const piece of pieces) {
    while (first < ranges.length && ranges[first][1] <= piece.from) first += 1;
    const within = [];
    for (let next = first; next < ranges.length && ranges[next][0] < piece.to; next += 1) {
      within.push([Math.max(ranges[next][0], piece.from) - piece.from, Math.min(ranges[next][1], piece.to) - piece.from]);
    }
    if (within.length) markPiece(piece.node, within);
  }
}

function markPiece(node, within) {
  if (node.nodeType !== Node.TEXT_NODE) return wrap(node);
  for (const [from, to] of within.reverse()) {
    if (to < node.data.length) node.splitText(to);
    wrap(from > 0 ? node.splitText(from) : node);
  }
}

function wrap(node) {
  const mark = document.createElement("mark");
  node.replaceWith(mark);
  mark.append(node);
}

/** How far below the beginning of the pane, in pixels, the text at these places is; they go from first to last. */
export function heightsOf(pane, places) {
  const { pieces } = textOf(pane);
  const top = pane.getBoundingClientRect().top - pane.scrollTop;
  const range = document.createRange();
  let at = 0;
  return places.map((place) => {
    while (at < pieces.length - 1 && pieces[at].to < place) at += 1;
    const { node, from, to } = pieces[at];
    range.selectNode(node);
    if (node.nodeType === Node.TEXT_NODE) {
      const within = Math.max(0, Math.min(place, to - 1) - from); // a range without a letter has no place
      range.setStart(node, within);
      range.setEnd(node, Math.min(within + 1, node.data.length));
    }
    return range.getBoundingClientRect().top - top;
  });
}
