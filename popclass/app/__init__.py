"""`popclass app`: record, look, label and train in the browser, on a folder of plain files."""
