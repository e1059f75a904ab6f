"""What can go wrong with a file of pictures, named without loading the library that writes it."""


class MuxError(Exception):
    """These pictures cannot be put into a file; the message says why."""


class BadPacketError(Exception):
    """One packet could not be written; the next may be."""
