"""The command line: one module a command (or a noun), imported when the command runs. Nothing imports this package."""
