"""What a reader can drag and click: what it starts with, what it refuses, and that it needs nothing from outside."""

import re

import pytest

from living import NAMES, corpus, elements
from ver_lite import widgets
from ver_lite.theory import information
from ver_lite.theory.two_word_game import TwoWordGame, logit, trajectory
from ver_lite.widgets import game, split


@pytest.mark.parametrize("name", NAMES)
def test_an_element_needs_nothing_from_outside_and_sets_both_colors(name):
    source = elements()[name]
    assert not re.search(r"https?:|src=|@import|import\s*\(|\bid=", source)
    style = source.split("</style>")[0]
    for rule in re.findall(r"\{([^{}]*)\}", style):
        assert "background:" in rule or not re.search(r"(?<!-)color:", rule), rule
    assert style.count("<style>") == 1 and all(
        rule.strip().startswith((".ver-lite", "@media", "}")) for rule in style.splitlines()[1:]
    )
    assert len(source) < 30_000


@pytest.mark.parametrize(("truth", "said"), [(0.9, 0.7), (0.5, 0.5), (0.99, 0.01)])
def test_the_slider_starts_with_the_right_numbers(truth, said):
    source = widgets.divergence_slider(truth, said).data
    p, q = [1 - truth, truth], [1 - said, said]
    for name, number in (
        ("entropy", information.entropy(p)),
        ("divergence", information.divergence(p, q)),
        ("total", information.cross_entropy(p, q)),
    ):
        assert f'<b data-text="{name}">{number:.3f}</b>' in source
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", source)]
    assert len(widths) == 2 and sum(widths) <= 100.01
    assert ("the bar is cut" in source.split("<script>")[0]) == (information.cross_entropy(p, q) > split.MOST_NATS)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: widgets.divergence_slider(truth=1.0), "truth must be a number from 0.01 to 0.99, not 1"),
        (lambda: widgets.divergence_slider(said=0.0), "said must be a number from"),
        (lambda: widgets.split_of_a_world(better=0.4), "better must be a number from"),
        (lambda: widgets.split_of_a_world(smell=2.0), "smell must be a number from"),
        (lambda: widgets.two_word_portrait(perturbation=0.9), "perturbation must be a number from"),
        (lambda: widgets.two_word_portrait(share=1.0), "share must be a number from"),
        (lambda: widgets.watch_review(p=0.2), "p: recorded are 0, 0.1, 0.3, 0.5; not 0.2"),
        (lambda: widgets.watch_review(epoch=7), "epoch: recorded are 1, 2,"),
        (lambda: widgets.perturb_yourself(corpus(), 0, [1.0, 0.0]), "mask: needs one number for each of the 40 words"),
        (lambda: widgets.perturb_yourself(corpus(), 0, perturbation=1.5), "perturbation must be a number from 0 to 1"),
    ],
)
def test_what_cannot_be_shown_is_refused(make, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        make()


def test_a_corpus_without_an_oracle_and_a_text_that_is_not_there_are_refused():
    from small_corpora import keyword_corpus

    with pytest.raises(ValueError, match="corpus: .* has no oracle"):
        widgets.perturb_yourself(keyword_corpus(20, 20, 20), 0)
    with pytest.raises(IndexError, match="there is no text 300"):
        widgets.perturb_yourself(corpus(), 300)


def test_the_picture_of_the_game_says_where_its_paths_end():
    for name, path in (
        ("RNP", trajectory(TwoWordGame(), game.UNTIL, 10, (0, 0, logit(0.8)))),
        ("VER", trajectory(TwoWordGame(perturbation=0.3), game.UNTIL, 10, (0, 0, logit(0.8)))),
    ):
        end = float(path.s[-1])
        word = "better" if end > 0.5 else "lesser"
        assert f"{name}. From s = 0.50 the path ends at s = {end:.2f}, with the {word} word." in elements()["game"]
    rnp = TwoWordGame()
    paid = float(rnp.losses(logit(game.turn(rnp)), logit(0.8))[0])
    assert paid == pytest.approx(float(rnp.entropies[1]), abs=1e-12)
