"""What Sıra is measured against: the seeds' architecture, rebuilt small. Not a part of Sıra, nor a dependency."""
