"""Staying within what hosts allow: our own request rates, their quotas, and their refusals."""
