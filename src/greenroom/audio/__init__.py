"""PCM, codecs, resampling, voice activity: no I/O. Time is counted in samples."""
