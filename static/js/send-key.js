/** Ctrl or Cmd with Enter in [data-send-with-keys] presses the form's [data-send]. */
for (const area of document.querySelectorAll("[data-send-with-keys]")) {
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    area.form.requestSubmit(area.form.querySelector("[data-send]"));
  });
}
