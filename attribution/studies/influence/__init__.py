"""Score runs: influence of every training sample on chosen queries, in shards that survive an interruption."""
