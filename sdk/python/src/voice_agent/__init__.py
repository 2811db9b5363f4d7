"""Client of the voice commerce API: REST, and live voice sessions.

client = VoiceAgentClient(api_key="...", base_url="http://localhost:8000")
session = client.create_session()
async with client.connect_voice(session.token) as ws:
    async for message in ws:
        if message.type == "transcription":
            print(message.data.text)
"""

from voice_agent.async_client import AsyncVoiceAgentClient
from voice_agent.client import VoiceAgentClient
from voice_agent.errors import (
    AudioProcessingError,
    ConnectionFailed,
    Forbidden,
    InternalError,
    LiveKitError,
    MicrophoneError,
    NotFound,
    RateLimitExceeded,
    SessionEnded,
    ShopifyApiError,
    Unauthorized,
    UnexpectedAnswer,
    ValidationError,
    VoiceAgentError,
)
from voice_agent.messages import (
    AgentInterrupted,
    AgentResponse,
    AudioOutput,
    ErrorMessage,
    Message,
    Playback,
    Reconnected,
    SessionReady,
    Transcription,
    UnknownMessage,
)
from voice_agent.models import (
    ConversationMessage,
    EndedSession,
    Health,
    Money,
    Product,
    SearchResult,
    Session,
    SessionAnalytics,
    SessionDetails,
    SessionMetrics,
    ShoppingContext,
    ToolResult,
    TrackedEvent,
    Variant,
)
from voice_agent.voice import VoiceConnection

__version__ = "1.0.0"

__all__ = [
    "AgentInterrupted",
    "AgentResponse",
    "AsyncVoiceAgentClient",
    "AudioOutput",
    "AudioProcessingError",
    "ConnectionFailed",
    "ConversationMessage",
    "EndedSession",
    "ErrorMessage",
    "Forbidden",
    "Health",
    "InternalError",
    "LiveKitError",
    "Message",
    "MicrophoneError",
    "Money",
    "NotFound",
    "Playback",
    "Product",
    "RateLimitExceeded",
    "Reconnected",
    "SearchResult",
    "Session",
    "SessionAnalytics",
    "SessionDetails",
    "SessionEnded",
    "SessionMetrics",
    "SessionReady",
    "ShopifyApiError",
    "ShoppingContext",
    "ToolResult",
    "TrackedEvent",
    "Transcription",
    "Unauthorized",
    "UnexpectedAnswer",
    "UnknownMessage",
    "ValidationError",
    "Variant",
    "VoiceAgentClient",
    "VoiceAgentError",
    "VoiceConnection",
]
