"""Audio: frames and formats, clocks, resampling, voice activity, playout, the recorder. Knows nothing of OET."""
