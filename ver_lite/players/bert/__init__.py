"""BERT as the players' encoder (Devlin et al. 2019). It reads the word pieces of a text and returns a state per word.

Masks, gold rationales and metrics are about whole words. The checkpoint's tokenizer makes a table once, which says
which word pieces each word of the vocabulary has; it is used in place of the word vectors. A batch of words becomes
rows of pieces, ``[CLS] text [SEP]``, and the state of a word is that of its first piece, as in Devlin et al. (§5.3). A
query must end in the word ``[SEP]`` (``load_corpus(..., query_end="[SEP]")``), so that BERT can tell it from its text:
the row is then ``[CLS] query [SEP] text [SEP]``, with BERT's two types of tokens.

``masking`` says what a mask does to BERT's input:

==============  ============================================================================================  ==========
``masking``     what BERT reads (m: the mask; ``[CLS]`` and ``[SEP]`` always on)                              gradient
==============  ============================================================================================  ==========
``zero_embed``  embeddings · m; attends to all positions, as in the code for BERT that VER's authors          to m
                published (Bert-MCD)
``attn_mask``   attends to words with m > ½ alone; the states of all others are zero (state · m)              through
                                                                                                              state · m
``log_attn``    log(m + 1e-8) is added to the attention's scores; m may be soft (as in CR)                    to m
``delete``      only words with m > ½, closed up, positions counted anew (as in NIR). A removed word has the  none
                state of the shown word before it (of the first shown one, if none is before)
==============  ============================================================================================  ==========

With ``delete``, a selector learns from the prediction only in methods that need no gradient of the mask. Of the four,
only ``delete`` hides where the removed words stood. Vocabularies are in lower case, so use an uncased checkpoint. A
checkpoint is a folder, or a name on the Hugging Face hub, which is downloaded once into the cache of Hugging Face.

The files::

    checkpoints   weights, shape and word pieces of a checkpoint; the download
    encoder       rows of pieces made from words, read, and turned back into states of words
    memory        how much memory training takes, counted from the shape
"""
