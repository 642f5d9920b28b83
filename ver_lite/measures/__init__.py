"""What a trained game is worth: measures of masks, predictions and explanations.

The files::

    metrics        sparsity, precision, recall, F1, accuracy and cross-entropy, counted batch by batch
    evaluation     play a split through a game and count
    agreement      how well masks agree with people, word by word and phrase by phrase
    calibration    whether a predictor that says 70 % is right in 70 of 100 texts
    faithfulness   what a prediction loses when its rationale is taken away, or kept alone
    mask_shape     what the places of the selected words give away, the words hidden
    baselines      what rules score that read no word
    everything     all of these for one game and one split
"""
