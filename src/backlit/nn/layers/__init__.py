"""The layers, a file a kind."""
