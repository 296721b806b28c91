/** Once the server says that a task was handed in, this browser has nothing of it to keep, and its other tabs are told. */
import { forget } from "./draft-storage.js";
import { otherTabs } from "./draft-tabs.js";
import { onPage } from "../base/page.js";

onPage((signal) => {
  const handedIn = [...document.querySelectorAll("[data-handed-in]")].map((each) => each.dataset.handedIn.split(" ").at(-1));
  // After the page has come to life: a browser's storage takes milliseconds to open.
  setTimeout(() => {
    for (const token of handedIn.filter(Boolean)) {
      forget(token);
      otherTabs(token, () => {}, signal).tell({ closed: true });
    }
  });
});
