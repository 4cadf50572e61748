"""What crosses actors and processes: frozen, tagged msgspec Structs, one file an edge. No behaviour lives here."""
