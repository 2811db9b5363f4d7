"""What all kinds of provider have in common: health, usage, prices."""
