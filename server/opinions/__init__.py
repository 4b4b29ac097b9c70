"""The second opinion: what a language model would mark, kept apart from marks and never one of them."""
