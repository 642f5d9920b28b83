// The two-word game: the equations of ver_lite/theory/two_word_game.py, with the same names and the same Runge-Kutta steps.
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const logit = (p) => Math.log(p) - Math.log1p(-p);
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const loss = (w, a) => softplus(w) - a * w;

function velocity(game, [theta, wG, wL]) {
  const s = sigmoid(theta), keep = 1 - game.perturbation, swap = game.perturbation / (1 + game.noise_words);
  const shownG = s * keep + (1 - s) * swap, shownL = (1 - s) * keep + s * swap;
  return [
    -game.selector_speed * s * sigmoid(-theta) * (loss(wG, game.better) - loss(wL, game.lesser)),
    (-game.predictor_speed * shownG) / game.better_types * (sigmoid(wG) - game.better),
    (-game.predictor_speed * shownL) / game.lesser_types * (sigmoid(wL) - game.lesser),
  ];
}

function trajectory(game, until, points, start) {
  const fastest = Math.max(game.selector_speed, game.predictor_speed / Math.min(game.better_types, game.lesser_types));
  const substeps = Math.ceil((until / points) * fastest), h = until / points / substeps;
  const moved = (state, by, k) => state.map((value, i) => value + by * k[i]);
  const kept = [start];
  let state = start;
  for (let point = 0; point < points; point++) {
    for (let i = 0; i < substeps; i++) {
      const k1 = velocity(game, state), k2 = velocity(game, moved(state, h / 2, k1));
      const k3 = velocity(game, moved(state, h / 2, k2)), k4 = velocity(game, moved(state, h, k3));
      state = state.map((value, j) => value + (h / 6) * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]));
    }
    kept.push(state);
  }
  return kept;
}

// Where the better word begins to cost less than the lesser one, known perfectly.
function turn(game) {
  let low = 0, high = logit(game.better);
  const least = loss(logit(game.lesser), game.lesser);
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (loss(middle, game.better) > least) low = middle;
    else high = middle;
  }
  return sigmoid(low);
}

function live(root, state) {
  const { frame, shares, answers, until, points } = state;
  const panels = [...root.querySelectorAll("svg")];
  const speak = speaker(root);
  const paths = {};
  const x = (s) => frame.left + (frame.width * (s - shares[0])) / (shares[1] - shares[0]);
  const y = (a) => frame.top + frame.height * (1 - (a - answers[0]) / (answers[1] - answers[0]));
  const xy = ([theta, wG]) => x(sigmoid(theta)).toFixed(1) + " " + y(sigmoid(wG)).toFixed(1);
  const gameOf = (name, at) => ({ ...state.fixed, ...at, perturbation: name === "RNP" ? 0 : at.perturbation });

  // Short strokes that say where a state goes; they have one length, since speeds differ a thousandfold.
  function arrows(game) {
    let d = "";
    for (let i = 0; i < 9; i++) {
      for (let j = 0; j < 7; j++) {
        const s = 0.06 + 0.11 * i, a = 0.53 + 0.065 * j;
        const [theta, wG] = velocity(game, [logit(s), logit(a), logit(game.lesser)]);
        const right = theta * s * (1 - s) * frame.width, up = wG * a * (1 - a) * 2 * frame.height;
        const far = Math.hypot(right, up) || 1, dx = (11 * right) / far, dy = (-11 * up) / far;
        const tipX = x(s) + dx / 2, tipY = y(a) + dy / 2;
        d += "M" + (x(s) - dx / 2).toFixed(1) + " " + (y(a) - dy / 2).toFixed(1) + "l" + dx.toFixed(1) + " " + dy.toFixed(1);
        [2.6, -2.6].forEach((side) => {
          const turned = Math.atan2(dy, dx) + side;
          d += "M" + tipX.toFixed(1) + " " + tipY.toFixed(1) +
            "l" + (4 * Math.cos(turned)).toFixed(1) + " " + (4 * Math.sin(turned)).toFixed(1);
        });
      }
    }
    return d;
  }

  let drawn = "";
  function draw(at) {
    const { time, ...settings } = at;
    if (JSON.stringify(settings) !== drawn) {
      drawn = JSON.stringify(settings);
      panels.forEach((svg) => follow(svg, at));
    }
    const kept = Math.round((time / until) * points), says = {};
    panels.forEach((svg) => {
      const name = svg.dataset.panel, now = paths[name][kept], dot = svg.querySelector(".now");
      dot.setAttribute("cx", x(sigmoid(now[0])));
      dot.setAttribute("cy", y(sigmoid(now[1])));
      says[name] = (100 * sigmoid(now[0])).toFixed(1) + " %";
    });
    fill(root, { sum: "At time " + time + " RNP shows the better word in " + says.RNP + " of the texts, VER in " + says.VER + "." });
    speak(root.querySelector('[data-text="sum"]').textContent);
  }

  function follow(svg, at) {
    const name = svg.dataset.panel, game = gameOf(name, at);
    const path = paths[name] = trajectory(game, until, points, [logit(at.share), logit(at.answer), logit(game.lesser)]);
    const title = "p = " + game.perturbation + ": " + name, end = sigmoid(path[points][0]);
    svg.querySelector(".title").textContent = title;
    svg.setAttribute("aria-label", title + ". From s = " + at.share.toFixed(2) + " the path ends at s = " + end.toFixed(2) +
      ", with the " + (end > 0.5 ? "better" : "lesser") + " word.");
    svg.querySelector(".way").setAttribute("d", "M" + path.map(xy).join("L"));
    svg.querySelector(".arrows").setAttribute("d", arrows(game));
    svg.querySelector(".turn").setAttribute("d", "M" + frame.left + " " + y(turn(game)) + "h" + frame.width);
    svg.querySelector(".start").setAttribute("cx", x(at.share));
    svg.querySelector(".start").setAttribute("cy", y(at.answer));
  }

  const texts = {
    perturbation: (p) => p.toFixed(2),
    better_types: (n) => String(n),
    selector_speed: (v) => v.toFixed(1),
    predictor_speed: (v) => v.toFixed(2),
    share: inPercent,
    answer: inPercent,
    time: (t) => String(t),
  };
  const moving = sliders(root, texts, draw);

  panels.forEach((svg) => svg.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const within = (name, value) => Math.min(Math.max(value, state.limits[name][0]), state.limits[name][1]);
    moving.set("share", within("share", (at.x - frame.left) / frame.width));
    moving.set("answer", within("answer", answers[1] - ((at.y - frame.top) / frame.height) * (answers[1] - answers[0])));
    moving.update();
  }));

  const button = root.querySelector("button");
  let playing = null;
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = null;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (playing !== null) return stop();
    button.textContent = "Pause";
    let from = moving.values().time;
    if (from >= until) from = 0;
    let began = null;
    const step = (now) => {
      if (!root.isConnected) return;
      began = began === null ? now : began;
      const time = Math.min(until, from + (now - began) * (until / 8000));
      moving.set("time", time);
      moving.update();
      if (time < until) playing = requestAnimationFrame(step);
      else stop();
    };
    playing = requestAnimationFrame(step);
  });
  root.querySelector("[data-name=time]").addEventListener("input", () => playing !== null && stop());
  return { trajectory, velocity, turn };
}
