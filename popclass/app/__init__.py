"""Local web page on which recordings are classified, labelled and trained on; imported only by its command."""
