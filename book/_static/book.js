// docutils calls the list of references a list, but its entries hold links back to the text, which no list may.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".citation-list[role=list]").forEach((list) => list.removeAttribute("role"));
});
