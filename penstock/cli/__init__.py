"""The command line: one file a command group; main.py knows them by name and loads the one asked for."""
