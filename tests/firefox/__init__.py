"""One whole role-play in Debian's Firefox, which the tests of the page, in Chromium, say nothing of."""
