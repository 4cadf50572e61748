"""The widgets, one a file. They are given structs and draw them; none of them talks to the daemon."""
