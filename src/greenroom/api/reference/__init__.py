"""The description of the main port's APIs: an OpenAPI document, and the pages that show it."""
