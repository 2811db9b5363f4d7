"""`openai-realtime:`, OpenAI's Realtime API and servers that speak it."""
