"""Neural networks you can see through, at close to the speed of the machine."""
