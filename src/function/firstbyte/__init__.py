"""The parts of the streaming function: request in, model stream opened, response stream out."""
