/** Once the server says that a task was handed in, this browser has nothing of it to keep. */
import { forget } from "./draft-shelf.js";

for (const message of document.querySelectorAll("[data-handed-in]")) {
  const token = message.dataset.handedIn.split(" ").at(-1);
  if (token) forget(token);
}
