"""What every room needs and none owns: the error tree."""
