/** A button [data-opens="id"] opens the dialog of that id; so does the key ? for the dialog of the keys. */
for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}

document.addEventListener("keydown", (event) => {
  const keys = document.getElementById("keys");
  const typing = event.target.closest("textarea, input:not([type=radio], [type=checkbox])");
  if (event.key !== "?" || typing || !keys || keys.open) return;
  event.preventDefault();
  keys.showModal();
});
