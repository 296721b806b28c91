/** Offers the browser's own time zone for the select that [data-time-zone] names, where it is another one. */
const offer = document.querySelector("[data-time-zone]");
const select = offer && document.getElementById(offer.dataset.timeZone);
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (select && select.value !== zone && [...select.options].some((option) => option.value === zone)) {
  const button = offer.querySelector("button");
  button.textContent = button.dataset.text.replace("{zone}", zone.replaceAll("_", " "));
  offer.hidden = false;
  button.addEventListener("click", () => {
    select.value = zone;
    offer.hidden = true;
    select.focus();
  });
}
