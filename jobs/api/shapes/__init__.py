"""What answers of /api/v1/ look like, for the API's description. Tests hold every answer against these shapes."""
