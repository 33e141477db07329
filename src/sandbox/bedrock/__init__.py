"""A stand-in for Bedrock's two streaming APIs, with scripted models in place of real ones."""
