"""A graph becomes an executable: lowered to loops, planned into kernels and one arena, emitted as machine code."""
