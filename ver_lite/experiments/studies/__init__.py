"""The studies whose results are recorded in `data/results/`, one file each. `make results` runs them."""
