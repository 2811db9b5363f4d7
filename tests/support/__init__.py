"""What tests of several floors share: a real server process, real databases."""
