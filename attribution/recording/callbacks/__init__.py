"""The recorder in other people's loops: one file for each, which imports its library when it is asked for."""
