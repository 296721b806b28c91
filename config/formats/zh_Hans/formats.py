"""Long numbers in groups of three, as scripts and tables write them on the same pages; Django's own has no groups."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
