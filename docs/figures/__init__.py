"""docs/benchmarks.md from the checked-in results: ``page`` puts together what the other files make of one subject
each."""
