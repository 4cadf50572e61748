"""The home folder, run folders and their database. Knows files and SQLite; nothing of actors, games or networks."""
