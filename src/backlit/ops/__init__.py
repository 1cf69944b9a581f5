"""Every operation, a block each, grouped in files by kind; and `Tensor`, whose methods they are."""
