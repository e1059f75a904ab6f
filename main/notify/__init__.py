"""Telling people: the outbox, the rules, and each way a message may go."""
