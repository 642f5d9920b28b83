// Recorded looks at one review: nothing is computed here, it is looked up.
function live(root, state) {
  const words = [...root.querySelectorAll(".word")];
  const speak = speaker(root);
  const percent = (share) => (100 * share).toFixed(1) + " %";
  const shade = (n) => "rgb(255," + (255 - Math.floor((85 * n) / 100)) + "," + (255 - Math.floor((22 * n) / 10)) + ")";

  const at = (rate, look) => Object.fromEntries(Object.entries(state.runs[rate]).map(([name, seen]) => [name, seen[look]]));
  sliders(root, { look: (i) => "epoch " + state.epochs[i], rate: (i) => state.names[i] }, ({ look, rate }) => {
    const seen = at(rate, look);
    words.forEach((word, i) => {
      word.style.background = shade(seen.chances[i]);
      word.title = seen.chances[i] + " %";
      word.classList.toggle("shown", seen.shown.includes(i));
    });
    drawSplit(root, seen.entropy, seen.divergence, state.most);
    fill(root, { answer: "From these words the predictor says " + percent(seen.said) + " positive; the oracle says " +
      percent(seen.known) + ". The label is " + state.label + "." });
    speak("epoch " + seen.epoch + ", p " + state.names[rate] + ". Shown: " + seen.shown.map((i) => state.words[i]).join(" ") +
      ". The predictor says " + percent(seen.said) + " positive; entropy " + seen.entropy.toFixed(3) +
      ", divergence " + seen.divergence.toFixed(3) + " nats");
  });
  return { at };
}
