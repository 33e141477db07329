"""The parts of the streaming function: reading the request, asking the model, sending and recording the response."""
