"""The parts of the bench, each writing its tables as soon as it is done, and the words that follow from them."""
