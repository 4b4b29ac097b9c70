"""A patient's mind on another machine: a provider's language model, or one on a host of the operator's own."""
