/** Once the server says that a task was handed in, this browser has nothing of it to keep, and its other tabs are told. */
import { forget } from "./draft-shelf.js";
import { otherTabs } from "./draft-tabs.js";

for (const message of document.querySelectorAll("[data-handed-in]")) {
  const token = message.dataset.handedIn.split(" ").at(-1);
  if (!token) continue;
  forget(token);
  otherTabs(token, () => {}).tell({ closed: true });
}
