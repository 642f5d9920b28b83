"""A small aclImdb and a small ERASER Movies, in their published layouts."""

import json

REVIEWS = {
    "train/pos/0_9.txt": "A great film.<br /><br />I can't fault it!",
    "train/pos/1_10.txt": "Well-made, PG-13 and fun... 8/10",
    "train/pos/2_7.txt": "Rather good &amp; never dull",
    "train/pos/3_8.txt": "It is in both halves, and it is good",
    "train/neg/0_1.txt": "Awful. I cannot sit through THAT again",
    "train/neg/1_4.txt": "The café scene is bad",
    "train/neg/2_2.txt": "So bad it hurts",
    "train/neg/10_3.txt": "So  bad<br />it hurts",
    "test/pos/0_10.txt": "It is in both halves, and it is good",
    "test/pos/1_8.txt": "Lovely",
    "test/neg/0_1.txt": "Dreadful",
    "test/neg/1_2.txt": "Dreadful",
}
ELSE = {"README": "Large Movie Review Dataset", "train/unsup/0_0.txt": "who knows", "imdb.vocab": "the\nand\n"}


def acl_imdb(changed: dict[str, str] | None = None) -> dict[str, str]:
    """Name -> text of the archive's members; ``changed`` adds, changes, or with None removes some."""
    files = {**REVIEWS, **ELSE, **(changed or {})}
    return {f"aclImdb/{name}": text for name, text in files.items() if text is not None}


def movies(long: str = "") -> dict[str, str]:
    """Movies with two documents a split; ``long`` ends the first one of the test split."""
    files = {}
    for split in ("train", "val", "test"):
        lines = []
        for number, (label, words) in enumerate((("POS", "a great film ."), ("NEG", "simply awful , i think ."))):
            name = f"{split}-{number}.txt"
            files[f"movies/docs/{name}"] = words + (f" {long}" if split == "test" and number == 0 else "") + "\n"
            end = 2 if split == "test" else 1
            evidence = {"docid": name, "start_token": 0, "end_token": end, "text": " ".join(words.split()[:end])}
            lines.append(
                json.dumps({"annotation_id": name, "classification": label, "evidences": [[evidence]], "query": ""})
            )
        files[f"movies/{split}.jsonl"] = "\n".join(lines) + "\n"
    return files
