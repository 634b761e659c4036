"""Tables of inputs, right and wrong, with their answers."""
