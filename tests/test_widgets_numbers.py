"""What a reader drags and clicks, by keys and by pointer, in Chromium: the numbers are those that Python computes."""

import re
import time

import numpy as np
import pytest
import torch

from browser import prefer
from living import Hand, corpus, rounded, text
from ver_lite import masks
from ver_lite.experiments import results
from ver_lite.theory import information
from ver_lite.theory.two_word_game import TwoWordGame, logit, trajectory
from ver_lite.widgets import game, split, watching

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_a_rationale_s_split_follows_keys_and_pointer(chromium, opened):
    hand = Hand(chromium, opened("divergence"))
    moves = [
        lambda: hand.press("said", "ARROW_RIGHT", 20),
        lambda: hand.press("truth", "HOME"),
        lambda: hand.press("said", "END"),
        lambda: hand.point(hand.slider("said"), 0.3),
        lambda: hand.point(hand.slider("truth"), 0.8),
    ]
    seen = set()
    for move in moves:
        move()
        truth, said = hand.value("truth") / 100, hand.value("said") / 100
        seen.add((truth, said))
        p, q = [1 - truth, truth], [1 - said, said]
        expected = information.entropy(p), information.divergence(p, q), information.cross_entropy(p, q)
        assert hand.numbers() == rounded(*expected)
        assert ("the bar is cut" in hand.text("cut")) == (expected[2] > split.MOST_NATS)
        assert hand.slider("said").get_attribute("aria-valuetext") == f"{hand.value('said'):.0f} %"
    assert len(seen) == len(moves) and (0.01, 0.99) in seen
    assert Hand(chromium, opened("divergence", 1)).value("said") == 70  # the other copy did not move


def test_the_split_of_a_world_is_the_sum_over_its_texts(chromium, opened):
    hand = Hand(chromium, opened("world"))
    hand.find("summary").click()
    for move in (
        lambda: None,
        lambda: hand.press("look", "END"),
        lambda: hand.press("better", "HOME"),
        lambda: hand.point(hand.slider("better"), 0.7),
        lambda: hand.point(hand.slider("look"), 0.4),
        lambda: hand.press("smell", "ARROW_LEFT", 30),
    ):
        move()
        world = split.beer_world(hand.value("better") / 100, 0.80)
        costs = {}
        for word in ("look", "smell"):
            parts = split.partly_known(world, word, hand.value(word) / 100)
            costs[word] = parts.cross_entropy
            shown = hand.numbers(f"[data-word={word}]")
            assert shown == rounded(parts.entropy, parts.divergence, parts.cross_entropy)
        assert f"It shows the {min(costs, key=costs.get)} word." in hand.text("choice")
        table = [float(hand.text(f"joint{x}{y}")) for x in range(4) for y in range(2)]
        assert table == rounded(*world.joint.ravel())
        truth = float(hand.text("look0-truth"))
        assert truth == pytest.approx(hand.value("better") / 100, abs=5.1e-4)
        said = 0.5 + hand.value("look") / 100 * (hand.value("better") / 100 - 0.5)
        assert float(hand.text("look0-said")) == pytest.approx(said, abs=5.1e-4)


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, (0.0, 0.0, 0.0)),
        ({"perturbation": 0.3}, (0.0, 0.0, 1.386)),
        ({"perturbation": 0.1, "better_types": 200, "noise_words": 3}, (-2.0, 1.5, 0.3)),
        ({"perturbation": 0.5, "predictor_speed": 2.0, "better_types": 2, "selector_speed": 2.0}, (3.0, 0.1, -0.5)),
    ],
)
def test_the_page_s_trajectory_is_python_s_to_nine_digits(chromium, opened, settings, start):
    opened("game")
    python = TwoWordGame(**settings)
    constants = {name: getattr(python, name) for name in vars(python)}
    script = "return document.querySelector('.ver-lite-game').verLite.trajectory(...arguments)"
    theirs = torch.tensor(chromium.execute_script(script, constants, 2000, 50, list(start)), dtype=torch.float64)
    path = trajectory(python, 2000, 50, start)
    ours = torch.stack([torch.from_numpy(x) for x in (path.theta, path.w_g, path.w_l)], 1)
    assert theirs.shape == ours.shape == (51, 3)
    assert float((theirs - ours).abs().max()) < 1e-9


def test_a_dropped_start_and_every_slider_move_the_game(chromium, opened):
    hand = Hand(chromium, opened("game"))
    settings = ("perturbation", "better_types", "selector_speed", "predictor_speed", "share", "answer")

    def agrees():
        at = {name: hand.value(name) for name in settings}
        start, said = (logit(at.pop("share")), logit(at.pop("answer")), logit(0.8)), hand.text("sum")
        numbers = [float(number) for number in re.findall(r"([\d.]+) %", said)]
        kept = round(hand.value("time") / game.UNTIL * game.POINTS)
        both = TwoWordGame(**{**at, "perturbation": np.array([0, at["perturbation"]])})
        shares = trajectory(both, game.UNTIL, game.POINTS, start).s[kept]
        assert numbers == pytest.approx(list(100 * shares), abs=0.06), said

    agrees()
    hand.press("time", "HOME")
    hand.press("time", "PAGE_UP", 3)
    agrees()
    for name in settings:
        hand.press(name, "ARROW_LEFT" if name == "better_types" else "ARROW_RIGHT", 4)
    agrees()
    picture, frame = hand.find("svg[data-panel=VER]"), (game.LEFT, game.TOP)
    inner = game.WIDTH - game.LEFT - game.RIGHT, game.HEIGHT - game.TOP - game.BOTTOM
    across, down = ((frame[i] + inner[i] * at) / (game.WIDTH, game.HEIGHT)[i] for i, at in enumerate((0.3, 0.2)))
    hand.point(picture, across, down)
    assert hand.value("share") == pytest.approx(0.3, abs=0.02) and hand.value("answer") == pytest.approx(0.9, abs=0.02)
    agrees()
    ring, level = hand.find("svg[data-panel=RNP] .start"), hand.find("svg[data-panel=RNP] .turn")
    assert float(ring.get_attribute("cx")) == pytest.approx(game._x(hand.value("share")), abs=0.1)
    assert float(ring.get_attribute("cy")) == pytest.approx(game._y(hand.value("answer")), abs=0.1)
    height = float(re.match(r"M[\d.]+ ([\d.]+)", level.get_attribute("d")).group(1))
    assert height == pytest.approx(game._y(game.turn(TwoWordGame())), abs=0.1)


def test_the_game_plays_and_stands_still_for_readers_who_ask_for_it(chromium, opened):
    hand = Hand(chromium, opened("game"))
    button = hand.find("button")
    button.click()
    time.sleep(0.5)
    assert button.text == "Pause" and 0 < hand.value("time") < game.UNTIL
    button.click()
    at = hand.value("time")
    time.sleep(0.3)
    assert button.text == "Play" and hand.value("time") == at
    prefer(chromium, reduced_motion="reduce")
    try:
        assert not button.is_displayed() and hand.slider("time").is_displayed()
    finally:
        prefer(chromium)


def test_a_watched_review_shows_what_is_recorded(chromium, opened):
    hand = Hand(chromium, opened("watching"))
    rows = results.load(watching.RECORD)["rows"]
    look_at = (
        "return [...arguments[0].querySelectorAll('.word')].map(w => [w.textContent, !!w.querySelector('u'), w.title,"
        " w.classList.contains('shown'), getComputedStyle(w).backgroundColor])"
    )
    for move in (
        lambda: None,
        lambda: hand.press("look", "END"),
        lambda: hand.press("rate", "ARROW_RIGHT", 2),
        lambda: hand.point(hand.slider("look"), 0.5),
        lambda: hand.point(hand.slider("rate"), 0.97),
    ):
        move()
        row, look = rows[int(hand.value("rate"))], int(hand.value("look"))
        at = {name: values[look] for name, values in row["looks"].items()}
        assert hand.slider("look").get_attribute("aria-valuetext") == f"epoch {at['epoch']}"
        assert hand.numbers() == rounded(at["entropy"], at["divergence"], at["entropy"] + at["divergence"])
        said = [float(number) for number in re.findall(r"([\d.]+) %", hand.text("answer"))]
        assert said == [pytest.approx(100 * at[name], abs=0.051) for name in ("said", "known")]
        words, gold, titles, framed, shades = zip(*chromium.execute_script(look_at, hand.root), strict=True)
        assert [i for i, on in enumerate(framed) if on] == at["shown"]
        percents = [round(100 * a) for a in at["chances"]]
        assert list(titles) == [f"{n} %" for n in percents]
        assert [shade.replace(" ", "") for shade in shades] == [watching._shade(n) for n in percents]
    assert (
        hand.value("rate") == 3 and list(words) == rows[0]["words"] and list(gold) == [g == 1 for g in rows[0]["gold"]]
    )


def test_the_page_perturbs_and_judges_as_python_does(chromium, opened):
    opened("perturbing")
    noise = torch.Generator().manual_seed(1)
    chosen = (torch.rand((60, 40), generator=noise) < torch.rand((60, 1), generator=noise)).float()
    real, cases, neighbors = torch.ones((1, 40), dtype=torch.bool), [], []
    for number, mask in enumerate(chosen):
        p = (0.1, 0.3, 0.8)[number % 3]
        same = torch.Generator().manual_seed(number)
        luck, more = (torch.rand((1, 40), generator=same)[0].tolist() for _ in range(2))
        cases.append([(mask > 0).tolist(), p, luck, more])
        neighbors.append(masks.perturb(mask[None], real, p, generator=torch.Generator().manual_seed(number))[0])
    script = """
        const element = document.querySelector('.ver-lite-perturbing').verLite;
        return arguments[0].map(([mask, ...rest]) => {
          const made = element.perturb(mask, ...rest);
          return [made.mask, element.oracle(mask), element.oracle(made.mask)];
        });"""
    made = chromium.execute_script(script, cases)
    oracle = lambda mask: float(corpus().world.log_posterior(text().tokens, mask[None]).exp()[0, 1])  # noqa: E731
    for mask, neighbor, (theirs, before, after) in zip(chosen, neighbors, made, strict=True):
        assert theirs == (neighbor > 0).tolist()
        assert before == pytest.approx(oracle(mask), abs=1e-12)
        assert after == pytest.approx(oracle(neighbor), abs=1e-12)


def test_words_are_chosen_and_perturbed_by_hand(chromium, opened):
    hand = Hand(chromium, opened("perturbing"))
    words = hand.root.find_elements(hand.css, ".word")

    def judged(name, on):
        mask = torch.tensor([on]).float()
        log_p = corpus().world.log_posterior(text().tokens, mask)
        within = f"[data-oracle={name}]"
        positive = float(hand.text("positive", within).removesuffix(" %"))
        assert positive == pytest.approx(100 * float(log_p.exp()[0, 1]), abs=0.051)
        doubt = float(corpus().world.entropy(text().tokens, mask)[0])
        assert float(hand.text("doubt", within)) == pytest.approx(doubt, abs=5.1e-4)

    def pressed():
        script = "return arguments[0].map(word => word.getAttribute('aria-pressed') === 'true')"
        return chromium.execute_script(script, words)

    assert pressed() == text().gold[0].tolist()
    judged("own", pressed())
    words[9].click()
    words[0].send_keys(hand.keys.SPACE)
    words[5].send_keys(hand.keys.ENTER)
    assert pressed() == [on != (i in (0, 5, 9)) for i, on in enumerate(text().gold[0].tolist())]
    judged("own", pressed())
    assert not hand.find(".perturbed").is_displayed()
    count = sum(pressed())
    for key, dropped in (("END", count), ("HOME", 0)):
        hand.press("p", key)
        hand.find(".go").send_keys(hand.keys.ENTER)
        pieces = hand.root.find_elements(hand.css, ".neighbor span")
        kinds = chromium.execute_script("return arguments[0].map(piece => piece.className)", pieces)
        assert kinds.count("dropped") == kinds.count("added") == dropped
        assert [kind in ("dropped", "kept") for kind in kinds] == pressed()
        judged("neighbor", [kind in ("kept", "added") for kind in kinds])
        assert hand.text("swapped").startswith(f"{dropped} dropped: ")
    assert hand.text("tally").startswith("Mean doubt of 2 neighbors: ")
    words[1].click()
    assert not hand.find(".perturbed").is_displayed()  # another choice: the neighbor was not its own
