"""`python -m penstock`: the same command as `penstock`; services and containers are started by it."""

from penstock.cli.main import main

if __name__ == "__main__":
    main()
