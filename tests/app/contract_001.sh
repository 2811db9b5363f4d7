# The command lines of contract 001's document, as they stand there.

curl http://localhost:8000/health

curl -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{
    "userName": "john_doe",
    "voiceId": "Craig",
    "openingLine": "Hi there! Ready to help.",
    "systemPrompt": "You are a friendly tech support agent."
  }'

curl -X POST http://localhost:8000/api/session/end \
  -H "Content-Type: application/json" \
  -d '{"sessionId": "session_1234567890_abc123"}'

# 1. Start session
SESSION=$(curl -s -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{"userName":"test"}' | jq -r '.sessionId')

echo "Session: $SESSION"

# 2. Wait for conversation (user talks to agent)
sleep 120  # 2 minutes

# 3. End session
curl -X POST http://localhost:8000/api/session/end \
  -H "Content-Type: application/json" \
  -d "{\"sessionId\":\"$SESSION\"}" | jq .

# Craig (fast male)
curl -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{"userName":"test","voiceId":"Craig"}'

# Olivia (professional female)
curl -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{"userName":"test","voiceId":"Olivia"}'

# Customer service agent
curl -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{
    "userName":"customer1",
    "systemPrompt":"You are a helpful customer service representative for ACME Corp. Be friendly and professional."
  }'

# Technical support
curl -X POST http://localhost:8000/api/session/start \
  -H "Content-Type: application/json" \
  -d '{
    "userName":"user1",
    "systemPrompt":"You are a technical support specialist. Provide clear troubleshooting steps."
  }'
