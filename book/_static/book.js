document.addEventListener("DOMContentLoaded", () => {
  // docutils calls the list of references a list, but its entries hold links back to the text, which no list may.
  document.querySelectorAll(".citation-list[role=list]").forEach((list) => list.removeAttribute("role"));

  // What scrolls sideways in a box of its own can be reached with the keyboard.
  const boxes = document.querySelectorAll(".bd-article table, .bd-article div.math");
  const reach = () => boxes.forEach((box) => (box.scrollWidth > box.clientWidth ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
  addEventListener("resize", reach);
  addEventListener("load", reach);
  reach();
});

// On paper a fold cannot be opened.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
