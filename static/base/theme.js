/** [data-theme-choice] radios choose light, dark or the system's theme; a cookie tells the server, so that no page flashes. */
import { onPage } from "./page.js";

const YEAR_S = 31_536_000;
const root = document.documentElement;

onPage(() => {
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.hidden = false;
    for (const radio of choice.querySelectorAll("input")) {
      radio.checked = radio.value === (root.dataset.theme ?? "");
      radio.addEventListener("change", () => choose(radio.value));
    }
  }
});

function choose(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? YEAR_S : 0}; samesite=lax`;
}
