// Eq. 8 as in ver_lite/masks.py: drop each selected word with probability p, show as many others, the luckiest first.
// `luck` and `more` are a number from 0 to 1 for each word.
function perturb(mask, p, luck, more) {
  const dropped = mask.map((on, i) => on && luck[i] < p);
  const others = mask.map((_, i) => i).filter((i) => !mask[i]).sort((i, j) => more[j] - more[i]);
  const added = new Set(others.slice(0, dropped.filter(Boolean).length));
  return { dropped, added: mask.map((_, i) => added.has(i)), mask: mask.map((on, i) => (on && !dropped[i]) || added.has(i)) };
}

// P(positive | visible words) as in ReviewWorld.log_posterior: a product over aspects and their visible slot words.
function positive(world, mask) {
  const joint = [0, 1].map((y) => world.rho.reduce((sum, rho, aspect) => {
    const words = [0, 1].map((sentiment) => mask.reduce((total, on, i) => {
      if (!on || world.aspect[i] !== aspect) return total;
      return total + Math.log(world.polarity[i] === sentiment ? world.reliability[aspect] : 1 - world.reliability[aspect]);
    }, 0));
    return sum + Math.log(rho * Math.exp(words[y]) + (1 - rho) * Math.exp(words[1 - y]));
  }, 0));
  return 1 / (1 + Math.exp(joint[0] - joint[1]));
}

function live(root, state) {
  const buttons = [...root.querySelectorAll(".word")], below = root.querySelector(".perturbed");
  const neighborhood = root.querySelector(".neighbor");
  const speak = speaker(root);
  const chosen = () => buttons.map((button) => button.getAttribute("aria-pressed") === "true");
  const oracle = (mask) => positive(state, mask);
  let seen = [];

  function tell(name, title, mask) {
    const p = oracle(mask), doubt = entropyOf([1 - p, p]), box = root.querySelector('[data-oracle="' + name + '"]');
    fill(box, { title, positive: (100 * p).toFixed(1) + " %", doubt: doubt.toFixed(3) });
    box.querySelector(".scale div").style.width = 100 * p + "%";
    return { doubt, says: "the oracle says " + (100 * p).toFixed(1) + " % positive, doubt " + doubt.toFixed(3) + " nats" };
  }

  function choose() {
    const mask = chosen(), count = mask.filter(Boolean).length;
    const title = "Your " + count + (count === 1 ? " word" : " words");
    seen = [];
    below.hidden = true;
    speak(title + ": " + tell("own", title, mask).says);
  }

  const names = (flags) => state.words.filter((_, i) => flags[i]).map((word) => "“" + word + "”").join(", ") || "none";
  function swap(p) {
    const mask = chosen(), lucky = () => mask.map(() => Math.random());
    const made = perturb(mask, p, lucky(), lucky());
    const lost = made.dropped.filter(Boolean).length, gained = made.added.filter(Boolean).length;
    below.hidden = false;
    neighborhood.replaceChildren(...state.words.flatMap((word, i) => {
      const piece = document.createElement("span");
      piece.className = made.dropped[i] ? "dropped" : made.added[i] ? "added" : mask[i] ? "kept" : "other";
      piece.textContent = (made.dropped[i] ? "− " : made.added[i] ? "+ " : "") + word;
      return [piece, " "];
    }));
    const { doubt, says } = tell("neighbor", "The neighbor", made.mask);
    seen.push(doubt);
    const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length;
    const text = lost + " dropped: " + names(made.dropped) + ". " + gained + " shown instead: " + names(made.added) + ".";
    fill(root, { swapped: text, tally: "Mean doubt of " + seen.length + (seen.length === 1 ? " neighbor: " : " neighbors: ") + mean.toFixed(3) + " nats." });
    speak(text + " " + says);
  }

  buttons.forEach((button, i) => {
    button.disabled = false;
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!chosen()[i]));
      choose();
    });
  });
  const rate = sliders(root, { p: (p) => p.toFixed(2) }, () => {});
  root.querySelector(".go").addEventListener("click", () => swap(rate.values().p));
  choose();
  return { perturb, oracle };
}
