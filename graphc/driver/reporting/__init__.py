"""What a trained model and its record have to show, section by section, for the report of a run."""
