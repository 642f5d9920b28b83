"""What a reader can drag, click and watch.

The files::

    game         the two-word game as a picture of all its states; the reader drops a start (lesson 07)
    split        cross-entropy = entropy + divergence, for one rationale and for a world (lesson 01)
    perturbing   Equation 8 on one text: choose words, perturb the choice (lesson 07)
    watching     one review at every recorded look of four games (lesson 07)
    page         the frame that these four share: style, script, sliders, bars
    live         training with a button, in a notebook with a kernel: the only one that needs ipywidgets
    static/      the scripts and the style sheet

Every function except those of `live` returns HTML that holds its first picture, one style sheet and one script, all
inline. It works without a kernel: in the book, in JupyterLab, in Colab and from a file on disk. It loads nothing from
other hosts. Each script computes formulas of the library; a test runs both and compares.
"""

from ver_lite.widgets.game import two_word_portrait as two_word_portrait
from ver_lite.widgets.perturbing import perturb_yourself as perturb_yourself
from ver_lite.widgets.split import divergence_slider as divergence_slider
from ver_lite.widgets.split import split_of_a_world as split_of_a_world
from ver_lite.widgets.watching import watch_review as watch_review
