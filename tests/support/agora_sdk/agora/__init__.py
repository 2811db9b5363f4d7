"""A stand-in for Agora's server SDK: its names and signatures, and behaviour that a test asks for.

`import agora` finds it where its parent folder is on the path. A channel's token says how it
behaves: words with commas between, such as `refused=8` or `gate,intra` (`rtc.script`). What is
called is kept in `rtc.script.CALLS`, and written as JSON lines to the file that the variable
AGORA_STAND_IN_RECORD names. Callbacks come on a thread of its own, as the SDK's do; a call of the
SDK from there is kept as a violation.
"""
