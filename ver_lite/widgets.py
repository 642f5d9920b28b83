"""What a reader can drag: plain HTML and script, everything inline, alive in a page without any kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ver_lite.information import cross_entropy, divergence, entropy

if TYPE_CHECKING:
    from IPython.display import HTML

MOST_NATS = 1.2
"""Where the bar ends; a longer one is cut there and the sentence below it says so."""


def divergence_slider(truth: float = 0.9, said: float = 0.7) -> HTML:
    """Two sliders and a bar: Eq. 1 for one rationale and two labels, computed in the page (lesson 01).

    `truth` is P(positive | z) at the start and `said` what the predictor says; both from 0.01 to 0.99. Works
    by mouse, touch and arrow keys; the sentence under the bar is announced to screen readers. Raises
    `ValueError` for a value out of range.
    """
    from IPython.display import HTML

    for name, value in (("truth", truth), ("said", said)):
        if not 0.01 <= value <= 0.99:
            raise ValueError(f"{name}: needs a probability from 0.01 to 0.99; got {value}")
    p, q = [1 - truth, truth], [1 - said, said]
    doubt, misfit = entropy(p), divergence(p, q)
    start = {
        "TRUTH": f"{100 * truth:.0f}",
        "SAID": f"{100 * said:.0f}",
        "BLUE": f"{100 * doubt / MOST_NATS:.2f}",
        "ORANGE": f"{100 * min(misfit, MOST_NATS - doubt) / MOST_NATS:.2f}",
        "DOUBT": f"{doubt:.3f}",
        "MISFIT": f"{misfit:.3f}",
        "PAID": f"{cross_entropy(p, q):.3f}",
        "MOST": str(MOST_NATS),
    }
    page = _SLIDER
    for name, value in start.items():
        page = page.replace(f"@{name}@", value)
    return HTML(page)


_SLIDER = """\
<style>
.ver-lite-divergence { max-width: 44em; padding: 1em; border: 1px solid #777777; border-radius: 6px }
.ver-lite-divergence, .ver-lite-divergence label, .ver-lite-divergence .sentence
  { background: #ffffff; color: #222222; font-family: sans-serif; line-height: 1.6 }
.ver-lite-divergence label { display: block }
.ver-lite-divergence input { width: 100% }
.ver-lite-divergence .bar { display: flex; height: 2em; margin: .5em 0; background: #eeeeee }
.ver-lite-divergence .blue { background: #0072B2; color: #ffffff }
.ver-lite-divergence .orange { background: #E69F00; color: #000000 }
</style>
<div class="ver-lite-divergence">
<label>The truth: <b class="truth">@TRUTH@</b> of 100 such reviews are positive<br>
<input class="truth" type="range" min="1" max="99" step="1" value="@TRUTH@"></label>
<label>The predictor says: <b class="said">@SAID@</b> % positive<br>
<input class="said" type="range" min="1" max="99" step="1" value="@SAID@"></label>
<div class="bar" aria-hidden="true">
<div class="blue" style="width:@BLUE@%"></div><div class="orange" style="width:@ORANGE@%"></div></div>
<div class="sentence" role="status" aria-live="polite">
<span class="blue">&nbsp;entropy <span class="doubt">@DOUBT@</span>&nbsp;</span> +
<span class="orange">&nbsp;divergence <span class="misfit">@MISFIT@</span>&nbsp;</span> =
<b>cross-entropy <span class="paid">@PAID@</span> nats</b><span class="cut"></span></div>
<noscript>Dragging needs JavaScript. The bar shows the numbers at the start.</noscript>
</div>
<script>
document.querySelectorAll(".ver-lite-divergence:not([data-ready])").forEach(function (box) {
  box.dataset.ready = "yes";
  var find = function (name) { return box.querySelector(name); };
  var draw = function () {
    var p = find("input.truth").value / 100, q = find("input.said").value / 100, most = @MOST@;
    var doubt = -(p * Math.log(p) + (1 - p) * Math.log(1 - p));
    var misfit = Math.max(0, p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q)));
    var paid = -(p * Math.log(q) + (1 - p) * Math.log(1 - q));
    find("b.truth").textContent = find("input.truth").value;
    find("b.said").textContent = find("input.said").value;
    find(".bar .blue").style.width = 100 * doubt / most + "%";
    find(".bar .orange").style.width = 100 * Math.min(misfit, most - doubt) / most + "%";
    find(".doubt").textContent = doubt.toFixed(3);
    find(".misfit").textContent = misfit.toFixed(3);
    find(".paid").textContent = paid.toFixed(3);
    find(".cut").textContent = paid > most ? " (the bar is cut at " + most + " nats)" : "";
  };
  box.addEventListener("input", draw);
  draw();
});
</script>
"""
