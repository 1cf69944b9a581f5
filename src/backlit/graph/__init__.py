"""The immutable graph of one computation: tracing a program into it, verifying it, running it node by node."""
