"""The AWS endpoint: wire protocols, signatures and routes; what an operation does is the engines' business."""
