"""The daemon's control socket: wire types, framing, server and client. What is shown is in ``messages.telemetry``."""
