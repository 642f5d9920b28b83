"""What a reader can drag and click: in Chromium, from a file on disk, with the numbers that Python computes."""

import html
import re
import time

import pytest
import torch
from browser import complaints, prefer, show, violations

from ver_lite import information, load_corpus, masks, results, widgets
from ver_lite.two_word_game import TwoWordGame, logit, trajectory
from ver_lite.widgets import game, page, split, watching

NAMES = ("divergence", "world", "game", "watching", "perturbing")
REVIEW = 7
CORPUS = load_corpus("reviews", world="rivals")
TEXT = CORPUS.test.batch(torch.tensor([REVIEW]))
COPIES = 2


@pytest.fixture(scope="module")
def elements():
    """Every element's HTML as a cell would show it, by name."""
    made = {
        "divergence": widgets.divergence_slider(),
        "world": widgets.split_of_a_world(),
        "game": widgets.two_word_portrait(),
        "watching": widgets.watch_review(epoch=1),
        "perturbing": widgets.perturb_yourself(CORPUS, REVIEW),
    }
    assert tuple(made) == NAMES
    return {name: element.data for name, element in made.items()}


# without a browser


@pytest.mark.parametrize("name", NAMES)
def test_an_element_needs_nothing_from_outside_and_sets_both_colors(elements, name):
    source = elements[name]
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
        (lambda: widgets.divergence_slider(truth=1.0), "truth: must lie between 0.01 and 0.99; got 1"),
        (lambda: widgets.divergence_slider(said=0.0), "said: must"),
        (lambda: widgets.split_of_a_world(better=0.4), "better: must"),
        (lambda: widgets.split_of_a_world(smell=2.0), "smell: must"),
        (lambda: widgets.two_word_portrait(perturbation=0.9), "perturbation: must"),
        (lambda: widgets.two_word_portrait(share=1.0), "share: must"),
        (lambda: widgets.watch_review(p=0.2), "p: recorded are 0, 0.1, 0.3, 0.5; not 0.2"),
        (lambda: widgets.watch_review(epoch=7), "epoch: recorded are 1, 2,"),
        (lambda: widgets.perturb_yourself(CORPUS, 0, [1.0, 0.0]), "mask: needs one number for each of the 40 words"),
        (lambda: widgets.perturb_yourself(CORPUS, 0, perturbation=1.5), "perturbation must be between 0 and 1"),
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
        widgets.perturb_yourself(CORPUS, 300)


def test_the_picture_of_the_game_says_where_its_paths_end(elements):
    for name, path in (
        ("RNP", trajectory(TwoWordGame(), game.UNTIL, 10, (0, 0, logit(0.8)))),
        ("VER", trajectory(TwoWordGame(perturbation=0.3), game.UNTIL, 10, (0, 0, logit(0.8)))),
    ):
        end = float(path.s[-1])
        word = "better" if end > 0.5 else "lesser"
        assert f"{name}. from s = 0.50 the path ends at s = {end:.2f}, with the {word} word." in elements["game"]
    rnp = TwoWordGame()
    paid = float(rnp.losses(logit(game.turn(rnp)), logit(0.8))[0])
    assert paid == pytest.approx(float(rnp.entropies[1]), abs=1e-12)


# in Chromium


def window(chromium):
    """selenium's names, imported where a browser is there."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    return ActionChains(chromium), By.CSS_SELECTOR, Keys


@pytest.fixture(scope="module")
def file(elements, tmp_path_factory):
    """A page on disk that holds every element, each twice."""
    path = tmp_path_factory.mktemp("elements") / "page.html"
    body = "\n".join(source for source in elements.values() for _ in range(COPIES))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Elements</title>'
    path.write_text(f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>All</h1>{body}</main>', "utf-8")
    return path


@pytest.fixture
def opened(chromium, file):
    """Opens the page anew; `opened(name)` is the first element of a name, `opened(name, 1)` the second."""
    complaints(chromium)
    show(chromium, file.as_uri())
    css = window(chromium)[1]
    yield lambda name, copy=0: chromium.find_elements(css, f".ver-lite-{name}")[copy]
    assert not complaints(chromium)


class Hand:
    """A reader's hand on one element: keys, pointer, and eyes for its numbers."""

    def __init__(self, chromium, root):
        self.chromium, self.root = chromium, root
        self.actions, self.css, self.keys = window(chromium)

    def find(self, selector):
        return self.root.find_element(self.css, selector)

    def slider(self, name):
        return self.find(f"input[data-name={name}]")

    def value(self, name):
        return float(self.slider(name).get_attribute("value"))

    def press(self, name, key, times=1):
        self.slider(name).send_keys(getattr(self.keys, key) * times)

    def point(self, target, across, down=0.5):
        """A click at this share of the width and the height."""
        box = target.rect
        x, y = round((across - 0.5) * box["width"]), round((down - 0.5) * box["height"])
        self.actions.move_to_element_with_offset(target, x, y).click().perform()

    def text(self, name, within=""):
        return self.find(f"{within} [data-text='{name}']").get_attribute("textContent")

    def numbers(self, within=""):
        return [float(self.text(name, within)) for name in ("entropy", "divergence", "total")]


def rounded(*numbers):
    return [pytest.approx(number, abs=5.1e-4) for number in numbers]


@pytest.mark.slow
@pytest.mark.browser
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


@pytest.mark.slow
@pytest.mark.browser
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


@pytest.mark.slow
@pytest.mark.browser
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


@pytest.mark.slow
@pytest.mark.browser
def test_a_dropped_start_and_every_slider_move_the_game(chromium, opened):
    hand = Hand(chromium, opened("game"))
    settings = ("perturbation", "better_types", "selector_speed", "predictor_speed", "share", "answer")

    def agrees():
        at = {name: hand.value(name) for name in settings}
        start, said = (logit(at.pop("share")), logit(at.pop("answer")), logit(0.8)), hand.text("sum")
        numbers = [float(number) for number in re.findall(r"([\d.]+) %", said)]
        kept = round(hand.value("time") / game.UNTIL * game.POINTS)
        for p, number in zip((0, at["perturbation"]), numbers, strict=True):
            path = trajectory(TwoWordGame(**{**at, "perturbation": p}), game.UNTIL, game.POINTS, start)
            assert number == pytest.approx(100 * float(path.s[kept]), abs=0.06), said

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


@pytest.mark.slow
@pytest.mark.browser
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


@pytest.mark.slow
@pytest.mark.browser
def test_a_watched_review_shows_what_is_recorded(chromium, opened):
    hand = Hand(chromium, opened("watching"))
    rows = results.load(watching.RECORD)["rows"]
    words = hand.root.find_elements(hand.css, ".word")
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
        shown = [i for i, word in enumerate(words) if "shown" in word.get_attribute("class").split()]
        assert shown == at["shown"]
        assert [word.get_attribute("title") for word in words] == [f"{round(100 * a)} %" for a in at["chances"]]
        for word, chance in zip(words[::7], at["chances"][::7], strict=True):
            red, green, blue = re.findall(r"\d+", watching._shade(round(100 * chance)))
            assert f"{red}, {green}, {blue}" in word.value_of_css_property("background-color")
    assert hand.value("rate") == 3 and [word.text for word in words] == rows[0]["words"]
    gold = [bool(word.find_elements(hand.css, "u")) for word in words]
    assert gold == [bool(g) for g in rows[0]["gold"]]


@pytest.mark.slow
@pytest.mark.browser
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
    oracle = lambda mask: float(CORPUS.world.log_posterior(TEXT.tokens, mask[None]).exp()[0, 1])  # noqa: E731
    for mask, neighbor, (theirs, before, after) in zip(chosen, neighbors, made, strict=True):
        assert theirs == (neighbor > 0).tolist()
        assert before == pytest.approx(oracle(mask), abs=1e-12)
        assert after == pytest.approx(oracle(neighbor), abs=1e-12)


@pytest.mark.slow
@pytest.mark.browser
def test_words_are_chosen_and_perturbed_by_hand(chromium, opened):
    hand = Hand(chromium, opened("perturbing"))
    words = hand.root.find_elements(hand.css, ".word")

    def judged(name, on):
        mask = torch.tensor([on]).float()
        log_p = CORPUS.world.log_posterior(TEXT.tokens, mask)
        within = f"[data-oracle={name}]"
        positive = float(hand.text("positive", within).removesuffix(" %"))
        assert positive == pytest.approx(100 * float(log_p.exp()[0, 1]), abs=0.051)
        doubt = float(CORPUS.world.entropy(TEXT.tokens, mask)[0])
        assert float(hand.text("doubt", within)) == pytest.approx(doubt, abs=5.1e-4)

    def pressed():
        return [word.get_attribute("aria-pressed") == "true" for word in words]

    assert pressed() == TEXT.gold[0].tolist()
    judged("own", pressed())
    words[9].click()
    words[0].send_keys(hand.keys.SPACE)
    words[5].send_keys(hand.keys.ENTER)
    assert pressed() == [on != (i in (0, 5, 9)) for i, on in enumerate(TEXT.gold[0].tolist())]
    judged("own", pressed())
    assert not hand.find(".perturbed").is_displayed()
    count = sum(pressed())
    for key, dropped in (("END", count), ("HOME", 0)):
        hand.press("p", key)
        hand.find(".go").send_keys(hand.keys.ENTER)
        kinds = [piece.get_attribute("class") for piece in hand.root.find_elements(hand.css, ".neighbor span")]
        assert kinds.count("dropped") == kinds.count("added") == dropped
        assert [kind in ("dropped", "kept") for kind in kinds] == pressed()
        judged("neighbor", [kind in ("kept", "added") for kind in kinds])
        assert hand.text("swapped").startswith(f"{dropped} dropped: ")
    assert hand.text("tally").startswith("Mean doubt of 2 neighbors: ")
    words[1].click()
    assert not hand.find(".perturbed").is_displayed()  # another choice: the neighbor was not its own


@pytest.mark.slow
@pytest.mark.browser
def test_a_screen_reader_hears_one_sentence_after_the_moves_and_none_before(chromium, opened):
    for name, slider in (("divergence", "said"), ("world", "look"), ("game", "time"), ("watching", "look")):
        hand = Hand(chromium, opened(name))
        region = hand.find("[role=status][aria-live=polite]")
        time.sleep(0.5)
        assert region.get_attribute("textContent") == ""
        chromium.execute_script(
            "window.heard = []; new MutationObserver(() => window.heard.push(arguments[0].textContent))"
            ".observe(arguments[0], {childList: true})",
            region,
        )
        hand.press(slider, "ARROW_LEFT" if slider == "time" else "ARROW_RIGHT", 8)
        time.sleep(0.8)
        heard = chromium.execute_script("return window.heard")
        assert len(heard) == 1 and re.search(r"\d\.\d", heard[0]), (name, heard)


@pytest.mark.slow
@pytest.mark.browser
def test_elements_leave_no_name_behind_and_a_cell_can_run_again(chromium, opened, elements):
    names = {
        name
        for path in page.STATIC.glob("*.js")
        for name in re.findall(r"(?m)^(?:function|const|let) (\w+)", path.read_text("utf-8"))
    }
    assert {"wake", "live", "sigmoid", "perturb"} <= names
    opened("world")
    known = chromium.execute_script(f"return [{', '.join(f'typeof {name}' for name in sorted(names))}]")
    assert set(known) == {"undefined"}
    for name in NAMES:
        hand = Hand(chromium, opened(name))
        slider = hand.root.find_element(hand.css, "input").get_attribute("data-name")
        hand.press(slider, "HOME" if name != "watching" else "END")
        before = hand.value(slider)
        again = "document.querySelector('main').append(document.createRange().createContextualFragment(arguments[0]))"
        chromium.execute_script(again, elements[name])
        new = Hand(chromium, opened(name, COPIES))
        assert new.root.get_attribute("data-ready") == "yes" and new.find(".controls").is_displayed()
        assert hand.value(slider) == before != new.value(slider)


@pytest.mark.slow
@pytest.mark.browser
def test_elements_live_in_a_sandboxed_frame(chromium, elements, tmp_path):
    """As in Colab, where each output is a frame of another origin."""
    frames = "".join(
        f'<iframe title="{name}" sandbox="allow-scripts" srcdoc="{html.escape(source)}"></iframe>'
        for name, source in elements.items()
    )
    path = tmp_path / "frames.html"
    path.write_text(f'<!doctype html><meta charset="utf-8">{frames}', "utf-8")
    complaints(chromium)
    show(chromium, path.as_uri())
    css = window(chromium)[1]
    for frame, name in zip(chromium.find_elements(css, "iframe"), NAMES, strict=True):
        chromium.switch_to.frame(frame)
        root = chromium.find_element(css, f".ver-lite-{name}")
        assert root.get_attribute("data-ready") == "yes"
        chromium.switch_to.default_content()
    assert not complaints(chromium)


@pytest.mark.slow
@pytest.mark.browser
def test_without_scripts_a_picture_of_the_start_is_left(chromium, file):
    css = window(chromium)[1]
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(file.as_uri())
        for name in NAMES:
            root = chromium.find_element(css, f".ver-lite-{name}")
            assert "Moving it needs JavaScript." in root.text and "In a notebook, run the cell" in root.text
            assert not root.find_element(css, ".controls").is_displayed()
            picture = root.find_element(css, {"game": "svg .way", "perturbing": ".word"}.get(name, ".bar"))
            assert picture.is_displayed() and re.search(r"\d\.\d", root.text)
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.slow
@pytest.mark.browser
def test_elements_fit_a_phone_and_axe_finds_nothing(chromium, file):
    show(chromium, file.as_uri(), width=375, height=800)
    for summary in chromium.find_elements(window(chromium)[1], "summary, .go"):
        summary.click()
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 375
    small = chromium.execute_script(
        "return [...document.querySelectorAll('.ver-lite button, .ver-lite input')]"
        ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"
    )
    assert not small, "too small for a finger"
    open_to_shortcuts = chromium.execute_script(
        "return [...document.querySelectorAll('.ver-lite :is(button, input, summary)')]"
        ".filter(e => !e.hasAttribute('data-lm-suppress-shortcuts')).map(e => e.outerHTML)"
    )
    assert not open_to_shortcuts, "JupyterLab would take the arrow keys"
    assert not violations(chromium)
