"""Does the test set look like the training set?"""
