"""The engine: tensors' memory and history, operations, the backward pass. It knows no operation by name."""
