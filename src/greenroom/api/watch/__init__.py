"""The watch page: a session's avatar in a browser, and the WHEP endpoint behind it."""
