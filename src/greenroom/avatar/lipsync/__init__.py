"""Sound to mouth shapes: a small network of our own over the spectrum of the last moments."""
