"""From a corpus and a config to two trained players in a folder.

The files::

    training   train, resume, train_fleet
    config     everything that decides a run
    command    how a command takes the settings of a run
    loop       one run being trained, a step at a time
    runs       a run in memory, and its folder on disk
    folders    a run's folder while it is written: claimed and held by one process
    graphs     a step recorded once on a GPU and replayed
    cleaning   a classifier of whole texts, and what it learns when words are taken away
"""
