"""Where each corpus comes from, what may be done with it, whom to cite: for cards and the downloader."""

from __future__ import annotations

from dataclasses import dataclass

_ERASER = "DeYoung et al., ERASER: A Benchmark to Evaluate Rationalized NLP Models, ACL 2020"


@dataclass(frozen=True)
class Source:
    """``notice`` is printed before a download."""

    title: str
    source: str
    licence: str
    citation: str
    notice: str

    def facts(self) -> dict[str, str]:
        """The part of a card that does not depend on the files."""
        return {"source": self.source, "licence": self.licence, "citation": self.citation}


SOURCES: dict[str, Source] = {
    "movies": Source(
        "ERASER Movies",
        "http://www.eraserbenchmark.com/zipped/movies.tar.gz",
        "none stated",
        f"{_ERASER}; reviews: Pang and Lee 2004; rationales: Zaidan and Eisner 2008",
        "No licence is stated for ERASER Movies (reviews of Pang and Lee 2004, rationales of Zaidan and "
        "Eisner 2008). Use it for research, cite the three papers, do not pass the files on.",
    ),
    "multirc": Source(
        "ERASER MultiRC",
        "http://www.eraserbenchmark.com/zipped/multirc.tar.gz",
        "none stated",
        f"{_ERASER}; Khashabi et al. 2018",
        "No licence is stated for ERASER MultiRC (Khashabi et al. 2018). Use it for research, cite both "
        "papers, do not pass the files on.",
    ),
    "fever": Source(
        "ERASER FEVER",
        "http://www.eraserbenchmark.com/zipped/fever.tar.gz",
        "annotations CC BY-SA 3.0; text under Wikipedia's terms (license.html in the archive)",
        f"{_ERASER}; Thorne et al. 2018",
        "FEVER's annotations are CC BY-SA 3.0, its text comes under Wikipedia's terms: see license.html "
        "in the archive.",
    ),
    "beer": Source(
        "BeerAdvocate (Lei et al.)",
        "http://people.csail.mit.edu/taolei/beer/",
        "research purposes only; withdrawn by its author at BeerAdvocate's request",
        "McAuley, Leskovec and Jurafsky 2012; Lei, Barzilay and Jaakkola, Rationalizing Neural Predictions, EMNLP 2016",
        "The BeerAdvocate reviews were withdrawn by the dataset's author at BeerAdvocate's request "
        "(snap.stanford.edu/data/web-BeerAdvocate.html). Lei et al. say of their subset: all data is for "
        "research purposes only. Do not pass the files on.",
    ),
    "hotel": Source(
        "Hotel reviews (R2A)",
        "https://people.csail.mit.edu/yujia/files/r2a/data.zip",
        "research purposes only",
        "Wang, Lu and Zhai 2010; Bao et al., Deriving Machine Attention from Human Rationales, EMNLP 2018",
        "The authors of R2A say of data.zip: for research purposes only. It also holds BeerAdvocate reviews, "
        "which were withdrawn by their author at BeerAdvocate's request. Do not pass the files on.",
    ),
    "tweets": Source(
        "Tweet Sentiment Extraction",
        "https://www.kaggle.com/competitions/tweet-sentiment-extraction",
        "CC BY 4.0 as named by the competition; check its rules page",
        "Kaggle, Tweet Sentiment Extraction, 2020; from Figure Eight, Sentiment Analysis: Emotion in Text",
        "The competition's rules page states the terms; it names CC BY 4.0.",
    ),
    "glove": Source(
        "GloVe 6B",
        "https://nlp.stanford.edu/data/glove.6B.zip",
        "Public Domain Dedication and License 1.0",
        "Pennington, Socher and Manning, GloVe: Global Vectors for Word Representation, EMNLP 2014",
        "GloVe's vectors are under the Public Domain Dedication and License 1.0.",
    ),
}
