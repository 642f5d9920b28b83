"""BERT as the players' encoder (Devlin et al. 2019): words go in, their pieces are read, states of words come out.

Masks, gold rationales and metrics stay with whole words. A table made once by the checkpoint's tokenizer says which
word pieces each word of the vocabulary has; it takes the place of the word vectors. A batch of words becomes rows of
pieces, ``[CLS] text [SEP]``, and the state of a word is that of its first piece, as in Devlin et al. (§5.3). A query is
told from its text where it ends in the word ``[SEP]`` (``load_corpus(..., query_end="[SEP]")``): the row is then
``[CLS] query [SEP] text [SEP]``, with BERT's two types of tokens.

What a mask does to the reader is its ``masking``:

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

So with ``delete`` a selector learns from the prediction only in methods that need no gradient of the mask. ``delete``
alone hides where the removed words stood. Vocabularies are in lower case: an uncased checkpoint fits them. A checkpoint
is a folder, or a name on the Hugging Face hub, which is downloaded once into the cache of Hugging Face.

checkpoints   weights, shape and word pieces of a checkpoint; the download
encoder       rows of pieces made from words, read, and turned back into states of words
memory        how much memory training takes, counted from the shape
"""
