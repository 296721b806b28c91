/** Lists that can be searched: the field for the search has its list's name, which select2 does not give it. */
django.jQuery(() => {
  for (const list of document.querySelectorAll("select.unfold-admin-autocomplete[multiple]")) {
    const search = list.nextElementSibling?.querySelector(".select2-search__field");
    if (search && list.labels[0]) search.setAttribute("aria-label", list.labels[0].textContent.trim());
  }
});
