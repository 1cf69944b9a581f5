"""The methods of `Tensor`, grouped as the operations are."""
