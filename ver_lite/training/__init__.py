"""Training, from a corpus and a config to two trained players in a run's folder.

The files::

    training   train, resume, train_fleet
    config     the config of a run: everything that decides it
    command    the options of a command line for the settings of a run
    game       the game that a config describes, built
    loop       the training loop of one run, a step at a time
    runs       a run in memory, and its folder on disk
    folders    a run's folder while it is written: claimed and held by one process
    graphs     a step recorded once on a GPU and replayed
    cleaning   classifiers that are trained on texts cut down to some of their words
"""
