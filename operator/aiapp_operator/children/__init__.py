"""One pure builder per kind of child; each returns a plain manifest with only the fields we own."""
