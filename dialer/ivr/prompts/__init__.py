"""The texts of the shipped apps, one TOML file per language, and the apology as local files in `sounds`."""
