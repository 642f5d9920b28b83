"""The studies whose results are recorded in `data/results/`, one file each; `experiments/record.py` runs them.

The files::

    argument           the paper's argument on the review world, watched while it is learned
    argument_paper     the same games at the paper's size, for a GPU
    claims             what the paper claims, and what the argument's games say
    exploration        where VER wins, ties and loses, on exploration seeds
    review_watched     one review, watched while it is learned
    deviations         what three deviations of the released code do to a game
    four_corpora       RNP and VER on four corpora, beside two baselines
    benchmark          every method on every corpus that may be had
    benchmark_page     the benchmark's page: its tables, made from the record
    benchmark_theirs   the paper's numbers beside the benchmark's
    places             where gold words stand, and what rules that read nothing score
    real_text          data cleaning and faithfulness on real text
"""
