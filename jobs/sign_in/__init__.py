"""Signing in with a password: who guesses has to wait, and who knows it never for long.

    models.py    a row for each name and address that has tried
    limits.py    how many tries there are, over all web processes together
    forms.py     the forms of the page and of the desk

Sessions and passwords themselves are Django's. API tokens are too long to be guessed; `jobs/tokens/` limits their use.
"""
