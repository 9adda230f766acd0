"""Jobs: work in a process of its own that outlives the page, with a heart that shows whether it goes on."""
