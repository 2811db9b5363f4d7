"""The one settings tree: read once at start, passed down, never read from the environment again.

Sources, strongest first: keyword arguments, environment (`GREENROOM_SERVER__PORT=9000`, and the
names that the contracts use, such as `TEST_API_KEY` and `LIVEKIT_API_KEY`), the file
`greenroom.toml` in the working directory, defaults.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

DEVELOPMENT_API_KEY = "test-api-key-123"
DEVELOPMENT_LIVEKIT = ("devkey", "secret")


def _as_list(value: object) -> object:
    """One value is a list of one; a variable holds several with commas between, or a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return tuple(part.strip() for part in value.split(",") if part.strip())


Chain = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_as_list), Field(min_length=1, max_length=8)
]
"""Provider URIs, the preferred one first."""

Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_as_list), Field(max_length=32)]
"""With commas between in a variable."""

Milliseconds = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Group):
    """Where the server listens and what one client may cost it."""

    apis: Annotated[
        tuple[Literal["commerce", "orchestrator", "avatar", "duplex"], ...],
        NoDecode,
        BeforeValidator(_as_list),
        Field(min_length=1, max_length=4, description="what is served"),
    ] = ("commerce", "orchestrator", "avatar", "duplex")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    trusted_proxies: str = Field(
        "", description="comma-separated addresses whose X-Forwarded-For counts"
    )
    max_body_bytes: int = Field(1_000_000, ge=1)
    max_message_bytes: int = Field(
        4_000_000, ge=1024, description="largest WebSocket text message that is acted on"
    )
    max_audio_ahead_ms: Milliseconds = Field(
        60_000, description="how far a client's audio may run ahead of real time"
    )
    max_sessions: int = Field(1_000, ge=1, description="talking sessions at once in this process")
    handshake_timeout: Seconds = Field(
        10.0, description="for a request's head, and for session.start"
    )
    drain_timeout: Seconds = Field(10.0, description="for talks to end after SIGTERM")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the bind address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class StorageSettings(_Group):
    """Sessions and their journal."""

    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL; default: SQLite in data_dir"
    )
    commit_interval_ms: Milliseconds = Field(
        40, description="group commit: at most this far behind"
    )
    max_pending_entries: int = Field(50_000, ge=1)


class RateSettings(_Group):
    """Contract 004's three limits. Notation of the `limits` library."""

    enabled: bool = True
    session_creation: str = "10/minute"
    messages: str = "100/minute"
    requests: str = "1000/hour"


class AuthSettings(_Group):
    """Credentials."""

    api_key: SecretStr | None = Field(None, description="an API key beside those in the database")
    jwt_secret: SecretStr | None = Field(None, description="default: made once, kept in data_dir")
    session_token_ttl: Seconds = 3600.0


class TurnSettings(_Group):
    """When a turn begins, ends, and is taken over. All durations in milliseconds of audio."""

    speech_threshold: float = Field(0.5, gt=0, lt=1)
    silence_threshold: float = Field(0.35, gt=0, lt=1)
    min_speech_ms: Milliseconds = Field(64, description="voice needed before speech has begun")
    end_silence_ms: Milliseconds = Field(550, description="silence that ends a turn")
    unfinished_silence_ms: Milliseconds = Field(
        1_100,
        description="silence that ends a turn whose words so far ask for more ('under', 'and')",
    )
    pre_roll_ms: Milliseconds = Field(
        400, description="audio before the onset that is recognised too"
    )
    min_interruption_ms: Milliseconds = Field(
        450, description="speech over a reply that takes the turn; shorter is a cough or a 'mm-hm'"
    )
    max_turn_ms: Milliseconds = Field(
        60_000, description="the longest turn; then the agent answers"
    )
    starvation_ms: Milliseconds = Field(
        300, description="no input for this long during a turn counts as silence"
    )
    apology_speech_ms: Milliseconds = Field(
        500, description="speech this long that gave no words is answered with a question"
    )


class ReplySettings(_Group):
    """How an answer is made and sent."""

    lead_ms: Milliseconds = Field(3_000, description="audio sent ahead of the listener's position")
    first_token_timeout: Seconds = Field(
        8.0, description="then the agent says that it takes a moment"
    )
    timeout: Seconds = Field(25.0, description="then the agent gives up and says so")
    max_characters: int = Field(
        6_000, ge=100, description="a reply is cut at the sentence before this"
    )
    reconnect_grace: Seconds = Field(30.0, description="a lost client may come back for this long")
    idle_timeout: Seconds = Field(300.0, description="a session without speech or message ends")
    max_duration: Seconds = Field(7_200.0)


class Price(_Group):
    """What a provider charges, in one currency for all. What it does not charge for is left out."""

    audio_minute: Annotated[float, Field(ge=0)] = 0.0
    million_characters: Annotated[float, Field(ge=0)] = 0.0
    million_input_tokens: Annotated[float, Field(ge=0)] = 0.0
    million_output_tokens: Annotated[float, Field(ge=0)] = 0.0


class ProviderSettings(_Group):
    """Which providers are used, by URI. `auto` takes the best that is installed.

    A list is a fallback chain: the first that is well serves.
    """

    transcriber: Chain = Field(("auto",), description="what hears: URIs, see docs/providers.md")
    synthesizer: Chain = Field(("auto",), description="what speaks: URIs")
    model: Chain = Field(("offline",), description="`offline`, or pydantic-ai model names")
    catalogue: str = Field("demo:", description="`demo:`, or `shopify:<shop>.myshopify.com`")
    retries: int = Field(
        1, ge=0, le=5, description="of a call that has failed before its first byte"
    )
    transcript_timeout: Seconds = Field(
        6.0, gt=0, description="from the end of a turn to its words; then the next of the chain"
    )
    first_audio_timeout: Seconds = Field(
        4.0, gt=0, description="from a sentence to its first sound; then the next of the chain"
    )
    first_token_timeout: Seconds = Field(
        6.0, gt=0, description="from a question to the model's first word; then the next"
    )
    recovery_interval: Seconds = Field(
        20.0,
        gt=0,
        description="until a failed provider is tried again; each time twice as long",
    )
    keys: dict[str, SecretStr] = Field(
        {}, description="by the name of the variable that would hold them: OPENAI_API_KEY"
    )
    prices: dict[str, Price] = Field(
        {}, description='by provider URI, such as [providers.prices."openai:gpt-5-mini"]'
    )
    currency: str = Field("USD", description="of the prices")
    models_url: str = Field("https://huggingface.co", description="where models are fetched from")
    voice: str = Field("Ashley", description="where a session asks for none")
    instructions: str = Field("", description="your own, for a language model")
    greeting: str = Field("", description="spoken when a talk begins; empty: the user speaks first")
    workers: int = Field(0, ge=0, description="recognition processes; 0: one per core, at most 4")


class RoomSettings(_Group):
    """Rooms for WebRTC: served here, or by a LiveKit server."""

    provider: Literal["auto", "embedded", "livekit", "off"] = Field(
        "auto", description="`auto`: a LiveKit server where `livekit_url` names one, else embedded"
    )
    port: int = Field(7880, ge=0, le=65535, description="LiveKit signalling; also on server.port")
    public_url: str = Field(
        "", description="what clients are told to connect to; default: this server's ws:// address"
    )
    udp_ports: str = Field(
        "7882-7899",
        pattern=r"^\d{1,5}(-\d{1,5})?$",
        description="media; the first free one is used, `0` takes any",
    )
    interfaces: Names = Field(
        (), description="names or addresses for media; default: those that server.host reaches"
    )
    public_address: str = Field(
        "", description="IP address that clients reach this host by, behind a port-preserving NAT"
    )
    stun_servers: Names = Field(
        (), description="`host:port`; asked for the public address, and told to clients"
    )
    turn_servers: Names = Field((), description="`turn:host:port?transport=udp`, told to clients")
    turn_username: str = ""
    turn_password: SecretStr | None = None
    turn_secret: SecretStr | None = Field(
        None, description="shared with the TURN server: each client gets a password for a day"
    )
    max_rooms: int = Field(1_000, ge=1)
    max_participants: int = Field(100, ge=1, description="in one room")
    max_tracks: int = Field(16, ge=1, description="published by one participant")
    max_message_bytes: int = Field(
        65_536, ge=1024, description="largest data message and signalling message but offers"
    )
    max_description_bytes: int = Field(262_144, ge=1024, description="largest session description")
    max_data_rate: int = Field(
        1_000_000, ge=1, description="bytes of data messages a second from one participant"
    )
    max_unsent_bytes: int = Field(
        4_000_000, ge=1024, description="queued for a participant that does not read"
    )
    connect_timeout: Seconds = Field(
        15.0, gt=0, description="from joining until media can flow; then the participant is dropped"
    )
    reconnect_timeout: Seconds = Field(
        15.0, gt=0, description="a participant whose network is lost keeps its place so long"
    )
    empty_timeout: Seconds = Field(300.0, description="a room that nobody joins is closed")
    departure_timeout: Seconds = Field(20.0, description="a room that all have left is closed")
    human_absence: Seconds = Field(
        20.0, description="a conversation ends when its last human has been away so long"
    )
    join_timeout: Seconds = Field(
        60.0, description="a conversation ends when no human has joined its room so long"
    )
    webhook_urls: Names = Field((), description="told of every room event, signed as LiveKit signs")


class RecordingSettings(_Group):
    """Recordings of sessions: one file each, stereo, the user left and the agent right."""

    enabled: bool = Field(False, description="record every session that does not opt out")
    directory: Path | None = Field(None, description="default: recordings in data_dir")
    bitrate: int = Field(48_000, ge=6_000, le=510_000, description="bits a second of both sides")
    max_bytes: int = Field(
        2_000_000_000, ge=100_000, description="of one file; then the recording ends"
    )


class AvatarSettings(_Group):
    """The avatar APIs: faces whose lips follow the sound that a client sends."""

    port: int = Field(8764, ge=0, le=65535, description="the two avatar APIs and the watch page")
    public_url: str = Field(
        "",
        description="what clients are told to connect to, such as wss://avatars.example.com; "
        "default: this server's ws:// address",
    )
    directory: Path | None = Field(
        None, description="avatar packs of your own; default: avatars in data_dir"
    )
    venues: Annotated[
        tuple[Literal["room", "agora"], ...],
        NoDecode,
        BeforeValidator(_as_list),
        Field(min_length=1, max_length=2, description="where avatars are seen"),
    ] = ("room",)
    ready: Names = Field(
        ("mira",),
        description="avatars whose artwork is made ready, at `medium`, by every renderer when it "
        "starts: else the first face of an avatar takes a second or two",
    )
    max_sessions: int = Field(50, ge=1, description="avatars at once in this process")
    max_waiting: int = Field(1_000, ge=1, description="sessions that were not initialised yet")
    renderers: int = Field(0, ge=0, description="processes that draw and encode; 0: one per core")
    max_ahead: Seconds = Field(
        300.0, gt=0, description="seconds of sound that may wait to be played in one session"
    )
    init_timeout: Seconds = Field(
        60.0, gt=0, description="a session that nobody initialises ends after so long"
    )
    reconnect_grace: Seconds = Field(
        30.0, description="a session whose client is lost goes on for so long"
    )
    heartbeat_timeout: Seconds = Field(
        60.0, description="a connection that sends nothing at all is closed; 0: never"
    )
    max_duration: Seconds = Field(14_400.0, gt=0, description="of one session")
    cluster: str = Field("", description="this node's cluster, as `environment.cluster` names it")
    pod: str = Field("", description="this node's name, as `environment.podName` names it")


class DuplexSettings(_Group):
    """The duplex session API: speech to speech, with transcripts and MCP."""

    port: int = Field(8080, ge=0, le=65535, description="REST, the chat WebSocket and MCP")
    public_url: str = Field(
        "", description="what clients reach this port by, such as https://talk.example.com"
    )
    model: Chain = Field(
        ("cascade:",),
        description="`cascade:`, `personaplex:ws://host:8998` (several share the talks), "
        "`openai-realtime:MODEL`; the first that is well serves",
    )
    allow_anonymous: bool = Field(
        False,
        description="serve this API without credentials beyond this machine too; its documents "
        "know none, so on a loopback bind none are asked for",
    )
    default_voice: str = Field("NATF2.pt", description="of a chat that names none")
    max_sessions: int = Field(200, ge=1, description="talks at once in this process")
    max_waiting: int = Field(1_000, ge=1, description="sessions that nobody has entered yet")
    max_prompt: int = Field(20_000, ge=1, description="characters of `text_prompt`")
    reconnect_grace: Seconds = Field(
        15.0, description="a session whose connection is lost goes on for so long"
    )
    enter_timeout: Seconds = Field(
        3_600.0, gt=0, description="a session that nobody enters ends after so long"
    )
    max_duration: Seconds = Field(7_200.0, gt=0, description="of one session")
    max_early_audio: Seconds = Field(
        60.0, gt=0, description="seconds of sound kept while the model is not ready"
    )
    queue_timeout: Seconds = Field(
        120.0, gt=0, description="a talk that waits for a model so long is given up"
    )
    webhook_secret: SecretStr | None = Field(
        None, description="signs webhooks; default: made of the server's own secret"
    )
    webhook_private: bool = Field(
        False, description="let sessions name webhooks on private and loopback addresses"
    )


class OrchestratorSettings(_Group):
    """The voice-assistant orchestrator: one agent and one person in a LiveKit room."""

    allow_anonymous: bool = Field(
        False,
        description="serve this API without credentials beyond this machine too; its documents "
        "know none, so on a loopback bind none are asked for",
    )
    greeting: str = Field(
        "Hello! How can I help you today?",
        max_length=1_000,
        description="said first where a start has no `openingLine`",
    )
    token_ttl: Seconds = Field(7_200.0, gt=0, description="for which a start's room token is good")
    max_sessions: int = Field(
        1_000, ge=1, description="live sessions at once; with workers on all machines together"
    )
    max_sessions_per_user: int = Field(20, ge=1, description="live sessions of one `userName`")
    retry_after: int = Field(
        5, ge=1, description="seconds after which a refused start is told to try again"
    )
    max_user_name: int = Field(128, ge=1, le=256, description="characters of `userName`")
    max_opening_line: int = Field(1_000, ge=1, description="characters of `openingLine`")
    max_prompt: int = Field(20_000, ge=1, description="characters of `systemPrompt`")
    start_timeout: Seconds = Field(
        30.0, gt=0, description="a session that no agent has taken so long ends as failed"
    )
    max_duration: Seconds = Field(7_200.0, gt=0, description="of one session")


class WorkerSettings(_Group):
    """Agents on Celery workers. Without `celery_broker_url` agents run in the server."""

    name: str = Field("", description="this worker's name in Celery; default: agents@ the host")
    capacity: int = Field(
        0, ge=0, le=1_000, description="agents at once in one worker; 0: 20 for each core"
    )
    queue: str = Field("greenroom", min_length=1, description="the Celery queue of agents to run")
    lease: Seconds = Field(
        3.0,
        ge=1.0,
        description="an agent that has not been heard of so long is taken to be lost, and "
        "another takes its place; renewed three times in it",
    )
    attempts: int = Field(
        5, ge=1, description="workers that may be lost in one session; then it ends as failed"
    )
    drain_timeout: Seconds = Field(
        30.0, description="for a worker's talks to end after SIGTERM; then others take them over"
    )
    health_port: int = Field(
        0, ge=0, le=65535, description="where a worker answers /health and /metrics; 0: nowhere"
    )
    health_host: str = "127.0.0.1"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="GREENROOM_",
        env_nested_delimiter="__",
        toml_file="greenroom.toml",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_path("greenroom")),
        description="database, secrets, models",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    test_api_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_API_KEY),
        validation_alias=AliasChoices("GREENROOM_TEST_API_KEY", "TEST_API_KEY"),
        description="the development key; works on a loopback bind only",
    )
    livekit_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GREENROOM_LIVEKIT_API_KEY", "LIVEKIT_API_KEY"),
        description="on a loopback bind LiveKit's development pair by default",
    )
    livekit_api_secret: SecretStr | None = Field(
        None, validation_alias=AliasChoices("GREENROOM_LIVEKIT_API_SECRET", "LIVEKIT_API_SECRET")
    )
    livekit_url: str = Field(
        "",
        validation_alias=AliasChoices("GREENROOM_LIVEKIT_URL", "LIVEKIT_URL"),
        description="a LiveKit server, such as wss://livekit.example.com, for rooms",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GREENROOM_REDIS_URL", "REDIS_URL"),
        description="share rate limits and session control between servers",
    )
    celery_broker_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("GREENROOM_CELERY_BROKER_URL", "CELERY_BROKER_URL"),
        description="run the orchestrator's agents on Celery workers, by this broker",
    )
    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    rates: RateSettings = RateSettings()
    auth: AuthSettings = AuthSettings()
    turns: TurnSettings = TurnSettings()
    replies: ReplySettings = ReplySettings()
    providers: ProviderSettings = ProviderSettings()
    rooms: RoomSettings = RoomSettings()
    recording: RecordingSettings = RecordingSettings()
    avatar: AvatarSettings = AvatarSettings()
    duplex: DuplexSettings = DuplexSettings()
    orchestrator: OrchestratorSettings = OrchestratorSettings()
    workers: WorkerSettings = WorkerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is given
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Keyword arguments, then the environment, then `greenroom.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
