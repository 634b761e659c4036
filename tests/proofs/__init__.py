"""Claims about the product, counted over all of their cases; `make test` runs a sample of each."""
