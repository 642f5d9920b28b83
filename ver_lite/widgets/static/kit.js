// What the live elements share. This file and an element's own are put into one function, so that no name leaks.

// Wake every element of this name that still sleeps: several on a page, one twice, a cell that runs again.
function wake(name, live) {
  const page = (document.currentScript || document).getRootNode();
  page.querySelectorAll(".ver-lite-" + name + ":not([data-ready])").forEach((root) => {
    root.dataset.ready = "yes";
    // JupyterLab's shortcuts would take the arrow keys and the space bar from whatever has the focus.
    root.querySelectorAll("input, button, summary").forEach((part) => part.setAttribute("data-lm-suppress-shortcuts", "true"));
    root.verLite = live(root, JSON.parse(root.dataset.state));
  });
}

// Watch all sliders of `root`. `words[name](value)` says a value in words; `draw(values)` runs now and at every move.
function sliders(root, words, draw) {
  const inputs = [...root.querySelectorAll("input[type=range]")];
  const values = () => Object.fromEntries(inputs.map((input) => [input.dataset.name, Number(input.value)]));
  const update = () => {
    inputs.forEach((input) => {
      const text = words[input.dataset.name](Number(input.value));
      input.setAttribute("aria-valuetext", text);
      input.closest(".slider").querySelector(".value").textContent = text;
    });
    draw(values());
  };
  const set = (name, value) => {
    inputs.find((input) => input.dataset.name === name).value = value;
  };
  inputs.forEach((input) => input.addEventListener("input", update));
  update();
  return { update, set, values };
}

// Tell screen readers what changed: politely, once it has rested, and not what stands there at the start.
function speaker(root) {
  const region = root.querySelector(".spoken");
  let waiting = null, last = null;
  return (text) => {
    if (last === null) last = text;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (text !== last) region.textContent = last = text;
    }, 400);
  };
}

function fill(root, texts) {
  Object.entries(texts).forEach(([name, text]) => {
    root.querySelector('[data-text="' + name + '"]').textContent = text;
  });
}

const xlogy = (x, y) => (x === 0 ? 0 : x * Math.log(y));
const entropyOf = (p) => p.reduce((sum, x) => sum - xlogy(x, x), 0);
const divergenceOf = (p, q) => Math.max(0, p.reduce((sum, x, i) => sum + xlogy(x, x / q[i]), 0));

// Eq. 6 as a bar that is cut at `most` nats, and as a sum of numbers.
function drawSplit(box, entropy, divergence, most) {
  const blue = Math.min(entropy, most), orange = Math.min(divergence, most - blue);
  box.querySelector(".bar .entropy").style.width = (100 * blue) / most + "%";
  box.querySelector(".bar .divergence").style.width = (100 * orange) / most + "%";
  fill(box, {
    entropy: entropy.toFixed(3),
    divergence: divergence.toFixed(3),
    total: (entropy + divergence).toFixed(3),
    cut: entropy + divergence > most ? " (the bar is cut at " + most + " nats)" : "",
  });
}

const inPercent = (share) => Math.round(100 * share) + " %";
