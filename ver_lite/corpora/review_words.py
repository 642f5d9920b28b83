"""The words and sentence frames of the review world (`ver_lite.corpora.reviews`).

Three rules keep the oracle exact, and `tests/test_reviews.py` checks them: a sentiment word belongs to one
aspect and one polarity; no frame, noun or filler sentence contains a sentiment word; a frame takes any word
of its aspect's lists, so nothing but the slot words depends on the sentiment. A world uses the first K words
of a list, the natural adjectives first, compounds after them.
"""

NEGATIVE, POSITIVE = 0, 1

ASPECTS = ("appearance", "aroma", "taste", "palate", "overall")

_ADVERBS = {
    NEGATIVE: "badly poorly sadly carelessly clumsily wretchedly dreadfully sloppily".split(),
    POSITIVE: "beautifully nicely perfectly wonderfully superbly finely expertly lovingly".split(),
}

_PARTICIPLES = {
    "appearance": "laced colored crowned tinted poured lit".split(),
    "aroma": "scented hopped perfumed fruited spiced steeped".split(),
    "taste": "flavored malted seasoned roasted sweetened brewed".split(),
    "palate": "textured carbonated weighted structured conditioned blended".split(),
    "overall": "made crafted judged conceived executed finished".split(),
}

_ADJECTIVES = {
    ("appearance", POSITIVE): """
        gorgeous radiant beautiful brilliant stunning luminous handsome sparkling glowing pretty
        gleaming lustrous vivid striking elegant majestic dazzling shimmering picturesque resplendent
        eye-catching glistening burnished jewel-like photogenic regal pristine immaculate polished glittering
        mesmerizing ravishing comely attractive opulent stately crystalline sunlit glorious iridescent""",
    ("appearance", NEGATIVE): """
        murky muddy ugly dull dingy drab unsightly dirty cloudy grimy
        faded scummy washed-out dreary lackluster hideous pallid blotchy patchy swampy
        sludgy colorless shabby streaky smudgy ashen bleak gloomy filmy mottled
        scruffy ragged bedraggled unattractive homely turbid tarnished discolored sooty garish""",
    ("aroma", POSITIVE): """
        fragrant floral aromatic citrusy fresh piney enticing herbal fruity spicy
        zesty heady alluring intoxicating flowery honeyed toasty resinous peachy tropical
        sweet-smelling ambrosial heavenly seductive tantalizing appetizing lemony minty biscuity blossomy
        beguiling redolent balmy dewy woodsy orangey clove-like hoppy garden-fresh gingery""",
    ("aroma", NEGATIVE): """
        skunky musty stinky rancid foul moldy putrid fetid rotten malodorous
        sulfurous rank acrid cardboardy sweaty cheesy vinegary eggy fishy reeking
        noxious nauseating mildewed papery plasticky sour-smelling cabbagey fusty smelly sickening
        solvent-like barnyardy oniony mousy corny garbagey sewage-like wet-dog-like mothbally catty""",
    ("taste", POSITIVE): """
        delicious tasty flavorful savory nutty malty chocolatey scrumptious rich complex
        delectable layered tangy succulent caramelly roasty bittersweet mouthwatering sweet yummy
        buttery ripe luscious moreish toothsome piquant nuanced figgy plummy raisiny
        toffee-like hearty flavorsome palatable candied multilayered lip-smacking cherry-like
        mocha-like maple-like""",
    ("taste", NEGATIVE): """
        bland metallic stale sour tasteless insipid cloying acidic soapy burnt
        flavorless saccharine unpalatable vapid artificial tinny medicinal unsavory salty spoiled
        brackish oxidized overcooked vegetal charred curdled coppery distasteful sickly-sweet one-note
        overhopped unripe disgusting yucky muddled briny bleachy aspirin-like bilious inedible""",
    ("palate", POSITIVE): """
        smooth silky creamy velvety crisp lush supple refreshing plush full-bodied
        soft lively satiny mellow effervescent rounded quenching robust pillowy juicy
        clean sleek silken bubbly airy warming feathery brisk zippy champagne-like
        cushiony spritzy mouth-filling substantial tender fluffy lithe ample bouncy thirst-quenching""",
    ("palate", NEGATIVE): """
        watery thin flat harsh gritty astringent chalky sticky slimy rough
        syrupy oily greasy scratchy abrasive grainy coarse gummy limp flabby
        waxy powdery gluey sandy leathery prickly starchy soggy mushy leaden
        numbing puckering hollow lumpy pasty stodgy bloated overcarbonated thin-bodied fizzless""",
    ("overall", POSITIVE): """
        great excellent outstanding wonderful superb fantastic amazing memorable impressive enjoyable
        lovely terrific marvelous exceptional good fabulous remarkable satisfying splendid magnificent
        delightful first-rate world-class sublime masterful rewarding top-notch special admirable stellar
        charming phenomenal extraordinary commendable worthy incredible pleasing classic perfect
        praiseworthy""",
    ("overall", NEGATIVE): """
        bad poor awful terrible disappointing horrible mediocre lousy dreadful forgettable
        boring pathetic dismal abysmal underwhelming atrocious subpar unimpressive regrettable inferior
        lame worthless undrinkable appalling miserable overrated unremarkable annoying frustrating second-rate
        unpleasant wretched feeble shoddy amateurish flawed deplorable overpriced third-rate unworthy""",
}


def _word_list(aspect: str, polarity: int) -> tuple[str, ...]:
    compounds = [f"{adverb}-{what}" for what in _PARTICIPLES[aspect] for adverb in _ADVERBS[polarity]]
    return tuple(_ADJECTIVES[aspect, polarity].split() + compounds)


#: Sentiment words: (aspect, polarity) -> 88 word types, 40 plain adjectives and then 48 compounds.
SENTIMENT = {key: _word_list(*key) for key in _ADJECTIVES}

#: Nouns of an aspect, all singular: {n} in a frame.
NOUNS = {
    "appearance": "head color foam lacing pour hue crown collar".split(),
    "aroma": "aroma nose smell scent bouquet odor whiff vapor".split(),
    "taste": "flavor taste malt aftertaste profile base backbone grain".split(),
    "palate": "mouthfeel body texture carbonation weight finish palate consistency".split(),
    "overall": "beer brew ale drink offering effort release recipe".split(),
}

#: Filler and frame words that a reader expects to see with a capital.
CAPITALS = frozenset("i tuesday monday november march german".split())

#: Frames in full sentences; {s} is the group of adjectives, {n} a noun. No "a" stands before a slot:
#: "a" or "an" would tell.
SENTENCE_FRAMES = {
    "appearance": (
        "the {n} is {s} .",
        "the {n} looks {s} in the glass .",
        "its {s} {n} greets the eye .",
        "held to the light , the {n} is {s} .",
        "i see the {s} {n} at once .",
        "from the start the {n} looks {s} .",
    ),
    "aroma": (
        "the {n} is {s} .",
        "the {n} comes across as {s} .",
        "its {s} {n} rises from the glass .",
        "up close , the {n} is {s} .",
        "i notice the {s} {n} right away .",
        "after some swirling the {n} is {s} .",
    ),
    "taste": (
        "the {n} is {s} .",
        "the {n} stays {s} throughout .",
        "its {s} {n} builds with every sip .",
        "up front , the {n} is {s} .",
        "i get the {s} {n} in the middle .",
        "late in the sip the {n} is {s} .",
    ),
    "palate": (
        "the {n} is {s} .",
        "the {n} seems {s} in the mouth .",
        "its {s} {n} lingers on the tongue .",
        "on the tongue , the {n} is {s} .",
        "i feel the {s} {n} as it goes down .",
        "with each mouthful the {n} turns {s} .",
    ),
    "overall": (
        "this {n} is {s} .",
        "all in all , the {n} is {s} .",
        "i would call this {n} {s} .",
        "in the end the {n} seems {s} .",
        "this {n} strikes me as {s} .",
        "for the style this {n} is {s} .",
    ),
}

#: Frames of terse tasting notes, the same for every aspect: half of the words carry sentiment.
NOTE_FRAMES = ("{s} {n} .", "{n} {s} .")

#: How a group of adjectives is written in sentences, by their number.
SENTENCE_GROUPS = {1: "{s}", 2: "{s} and {s}", 3: "{s} , {s} and {s}", 4: "{s} , {s} , {s} and {s}"}

#: Neutral sentences about anything but the beer's qualities. Nothing in them depends on the sentiment.
FILLER = (
    "poured from a bottle into a pint glass .",
    "i bought this at the corner store last week .",
    "the label shows a ship and two anchors .",
    "my brother brought this back from a trip .",
    "i had it with dinner on a tuesday night .",
    "it comes from a brewery two towns over .",
    "the bottle holds twelve ounces .",
    "i let it sit for ten minutes before the first sip .",
    "this is the third one i have had this month .",
    "poured from a can into a tulip glass .",
    "there is a date stamped on the neck .",
    "the label says seven percent alcohol .",
    "i tried it on tap at a bar downtown .",
    "a friend shared this one with me in november .",
    "it was about fifty degrees when i opened it .",
    "i split the bottle with my neighbor .",
    "we drank it on the porch after work .",
    "the brewery has been around since the eighties .",
    "i took these notes on a plane .",
    "it was part of a six pack i got in a trade .",
    "the cap has a red star printed on it .",
    "they make this one only in autumn .",
    "i have a second bottle in the cellar .",
    "served in a snifter at the usual table .",
    "the menu listed it between a stout and a porter .",
    "this batch was bottled in march .",
    "i opened it while the game was on .",
    "the recipe dates from before the war , or so the label says .",
    "i am writing this the day after .",
    "the bartender said it came in on monday .",
    "my wife had the other half .",
    "it sat in the fridge for three weeks .",
    "we had it with bread and some olives .",
    "the neck has foil around it .",
    "i paid four dollars for it .",
    "i have not had their other beers yet .",
    "the can has a map of the county on it .",
    "it was the last one on the shelf .",
    "i used the same glass as always .",
    "the back label is in german .",
    "this one was sent to me by mail .",
    "we were four people at the tasting .",
    "i wrote down the lot number .",
    "the shop keeps it next to the ciders .",
    "it rained the whole evening .",
    "the tasting room was half empty that day .",
    "i drank most of it from a mug .",
)
