"""Studies: the kinds of work, each with one name for file, job, verb, folder and page."""
