// Eq. 1 for one rationale and two labels: the truth p, what the predictor says q.
function live(root, state) {
  const speak = speaker(root);
  const split = (truth, said) => {
    const p = [1 - truth, truth], q = [1 - said, said];
    return { entropy: entropyOf(p), divergence: divergenceOf(p, q) };
  };
  sliders(root, { truth: (n) => n + " of 100", said: (n) => n + " %" }, (at) => {
    const { entropy, divergence } = split(at.truth / 100, at.said / 100);
    drawSplit(root, entropy, divergence, state.most);
    speak("entropy " + entropy.toFixed(3) + ", divergence " + divergence.toFixed(3) +
      ", cross-entropy " + (entropy + divergence).toFixed(3) + " nats");
  });
  return { split };
}
