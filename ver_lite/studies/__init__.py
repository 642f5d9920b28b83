"""The studies whose results are recorded in `data/results/`, one file each; `ver_lite.results` runs them."""
