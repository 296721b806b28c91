/** A file that is larger than the server takes is not sent: that is said here, before minutes of uploading. */
const said = document.querySelector("[data-limit]");
const form = said.closest("form");
const isTooLarge = () => [...form.elements.file.files].some((file) => file.size > Number(said.dataset.limit));

function say() {
  said.hidden = !isTooLarge();
  said.textContent = said.hidden ? "" : said.dataset.said;
}

form.elements.file.addEventListener("change", say);
form.addEventListener("submit", (event) => {
  say();
  if (isTooLarge()) event.preventDefault();
});
