"""Reading the files of an app without running them, to find names that do not exist here."""
