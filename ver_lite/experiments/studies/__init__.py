"""The studies whose results are recorded in `data/results/`, one file each; `experiments/record.py` runs them.

The files::

    argument           the paper's argument on the review world, measured while games are trained
    argument_paper     the same games at the paper's size, for a GPU
    claims             the paper's claims beside what the argument's games show
    exploration        where VER wins, ties and loses, on exploration seeds
    review_watched     one review, measured while games are trained
    deviations         what three deviations of the released code do to a game
    four_corpora       RNP and VER on four corpora, beside two baselines
    benchmark          every method on every corpus that may be passed on
    benchmark_page     the benchmark's page: its tables, made from the record
    benchmark_theirs   the paper's numbers beside the benchmark's
    places             where gold words stand, and the scores of rules that read no word
    real_text          data cleaning and faithfulness on real text
"""
