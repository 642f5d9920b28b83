"""What a reader can drag, click and watch: in a page without any kernel, and with ipywidgets in a live one (`live`).

Every function of the first kind returns HTML with its picture at the start, one style sheet and one script, all inline:
it works in the book, in JupyterLab and Colab, and from a file on disk, and needs no other host. The scripts are in
`static/`; each stands for formulas of the library, and a test runs both and compares.
"""

from ver_lite.widgets.game import two_word_portrait as two_word_portrait
from ver_lite.widgets.perturbing import perturb_yourself as perturb_yourself
from ver_lite.widgets.split import divergence_slider as divergence_slider
from ver_lite.widgets.split import split_of_a_world as split_of_a_world
from ver_lite.widgets.watching import watch_review as watch_review
