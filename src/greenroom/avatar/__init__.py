"""What is seen: sound to mouth shapes, a puppet's movement, its drawing, and its encoding."""
