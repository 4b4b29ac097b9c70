"""A recogniser that Ray Serve serves; `scripts/nightly-ray` brings Ray and runs these."""
