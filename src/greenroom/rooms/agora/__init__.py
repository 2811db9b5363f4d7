"""Agora channels, joined by Agora's own server SDK in helper processes.

`channels` and `venue` are the server's side; `helper`, `membership`, `service` and `sdk` are the
helper's, and import nothing but the standard library, the SDK and `helpers.child`.
"""
