// Eq. 6 in the world of lesson 01: four texts, two telling words, exact sums.
function live(root, state) {
  const speak = speaker(root);
  const agrees = (share, says, label) => (says === label ? share : 1 - share);

  // P(x, y): a row for each text, [negative, positive]
  const joint = (better, lesser) => state.texts.map(({ look, smell }) =>
    [0, 1].map((y) => agrees(better, look, y) * agrees(lesser, smell, y) / 2));

  // A predictor that knows P(Y|z) to a share: 0 says 50 : 50, 1 says the truth.
  const split = (table, word, known) => {
    const sums = { entropy: 0, divergence: 0, rationales: [] };
    [1, 0].forEach((says) => {
      const rows = table.filter((_, x) => state.texts[x][word] === says);
      const both = [0, 1].map((y) => rows.reduce((sum, row) => sum + row[y], 0));
      const share = both[0] + both[1];
      const p = both.map((value) => value / share), q = p.map((value) => 0.5 + known * (value - 0.5));
      sums.entropy += share * entropyOf(p);
      sums.divergence += share * divergenceOf(p, q);
      sums.rationales.push({ share, truth: p[1], said: q[1] });
    });
    return sums;
  };

  const words = { better: (n) => n + " of 100", look: (n) => n + " %", smell: (n) => n + " %" };
  sliders(root, words, (at) => {
    const table = joint(at.better / 100, state.lesser), paid = {};
    ["look", "smell"].forEach((word) => {
      const { entropy, divergence, rationales } = split(table, word, at[word] / 100);
      paid[word] = entropy + divergence;
      drawSplit(root.querySelector('[data-word="' + word + '"]'), entropy, divergence, state.most);
      rationales.forEach((z, i) => fill(root, {
        [word + i + "-truth"]: z.truth.toFixed(3),
        [word + i + "-said"]: z.said.toFixed(3),
      }));
    });
    table.forEach((row, x) => row.forEach((value, y) => fill(root, { ["joint" + x + y]: value.toFixed(3) })));
    const ahead = paid.smell - paid.look;
    const what = Math.abs(ahead) < 1e-9 ? "Both cost the same." : "It shows the " + (ahead > 0 ? "look" : "smell") + " word.";
    fill(root, { choice: "The selector is told only the sums. " + what });
    speak("The look word costs " + paid.look.toFixed(3) + " nats, the smell word " + paid.smell.toFixed(3) + ". " + what);
  });
  return { joint, split };
}
