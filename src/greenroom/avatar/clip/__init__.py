"""A face that says a whole sound, as a file: faster than real time, picture and sound in step."""
