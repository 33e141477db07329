"""The local stand-ins for Lambda, Function URLs and Bedrock; `python -m sandbox` runs them, nothing is deployed."""
