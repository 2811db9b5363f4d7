"""What a client asks for on its signalling connection. Nothing that it sends raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from livekit.protocol import models, rtc

from greenroom.errors import InvalidInput
from greenroom.rooms.embedded import wire_info
from greenroom.rooms.embedded.data_routing import RateLimit
from greenroom.rooms.embedded.layers import TrackSettings
from greenroom.rooms.embedded.limits import MAX_CHOICES, MAX_LAYERS
from greenroom.rooms.embedded.publishing import Announced

if TYPE_CHECKING:
    from greenroom.rooms.embedded.client import ClientParticipant

Refusal = rtc.RequestResponse.Reason

MAX_REQUESTS = 500
"""Requests a second; who sends more is sent away. Some count for several, see `_cost`."""

_TOLD_TO_ALL = frozenset(
    {
        "add_track",
        "mute",
        "subscription_permission",
        "update_audio_track",
        "update_metadata",
        "update_video_track",
    }
)

MAX_OFFERS = 20
"""Offers and answers a second, each of which costs milliseconds."""

_MAX_CID = 512
_MAX_CODEC = 32


class Requests:
    """Takes a client's messages, one by one."""

    def __init__(self, client: ClientParticipant) -> None:
        self._client = client
        now = client.room.clock.time()
        self._rate = RateLimit(MAX_REQUESTS, now)
        self._offers = RateLimit(MAX_OFFERS, now)
        # the message's type varies with its name, which the type system can't follow
        self._handlers: Mapping[str, Callable[[Any], None]] = {
            "offer": self.offer,
            "answer": self._answer,
            "add_track": self.add_track,
            "mute": self._mute,
            "subscription": self._subscription,
            "track_setting": self._track_setting,
            "leave": self._leave,
            "update_layers": self._update_layers,
            "subscription_permission": self._subscription_permission,
            "simulate": self._simulate,
            "ping": self._ping,
            "ping_req": self._ping_req,
            "update_metadata": self._update_metadata,
            "update_audio_track": self._update_audio_track,
            "update_video_track": self._update_video_track,
            "publish_data_track_request": self._publish_data_track,
            "unpublish_data_track_request": self._unpublish_data_track,
            "store_data_blob_request": self._data_blob,
            "get_data_blob_request": self._data_blob,
        }

    def receive(self, request: rtc.SignalRequest) -> None:
        """Take a message; what is not known or not needed (`trickle`, `sync_state`) is ignored."""
        client = self._client
        if client.gone:
            return
        name = request.WhichOneof("message")
        if not self._rate.take(_cost(name, request), client.room.clock.time()):
            client.dismiss(models.DisconnectReason.STATE_MISMATCH)
            return
        handler = self._handlers.get(name) if name is not None else None
        if handler is not None:
            handler(getattr(request, name))

    def _respond(self, reason: Refusal, message: str = "", **request: Any) -> None:
        self._client.signal(
            rtc.SignalResponse(
                request_response=rtc.RequestResponse(reason=reason, message=message, **request)
            )
        )

    def _describes(self, description: rtc.SessionDescription) -> bool:
        client = self._client
        fits = len(description.sdp) <= client.settings.max_description_bytes
        if not (fits and self._offers.take(1, client.room.clock.time())):
            client.dismiss(models.DisconnectReason.STATE_MISMATCH)
            return False
        return True

    def offer(self, offer: rtc.SessionDescription) -> None:
        """The client's offer."""
        if self._describes(offer):
            self._client.connection.take_offer(offer)

    def _answer(self, answer: rtc.SessionDescription) -> None:
        if self._describes(answer):
            self._client.connection.take_answer(answer)

    def add_track(self, request: rtc.AddTrackRequest) -> None:
        """The client announces a track that it is going to send."""
        client = self._client
        kinds = {models.TrackType.AUDIO, models.TrackType.VIDEO}
        if not client.grants.may_publish(wire_info.origin(request.source)):
            self._respond(Refusal.NOT_ALLOWED, "may not publish this", add_track=request)
        elif not 0 < len(request.cid) <= _MAX_CID:
            self._respond(Refusal.INVALID_REQUEST, "cid is empty or too long", add_track=request)
        elif request.type not in kinds or request.sid:
            # with a sid it is a second codec for a track that is there
            self._respond(Refusal.UNSUPPORTED_TYPE, "is not supported", add_track=request)
        elif client.upstream.count >= client.settings.max_tracks:
            self._respond(Refusal.LIMIT_EXCEEDED, "too many tracks", add_track=request)
        else:
            announced = client.upstream.announcements.announce(request)
            self._prefer(request, announced.cids)
            self.confirm(announced)
            client.upstream.announcements.match()

    def _prefer(self, request: rtc.AddTrackRequest, cids: Iterable[str]) -> None:
        """Have the track come as it was announced: clients leave that to the server's answer."""
        peer = self._client.connection.receiving_peer()
        codec = next((item.codec for item in request.simulcast_codecs), "")
        name = codec.lower()[:_MAX_CODEC].rpartition("/")[2]
        for cid in cids:
            if request.disable_red or request.encryption != models.Encryption.Type.NONE:
                peer.disable_red(cid)
            if request.disable_dtx or models.AudioTrackFeature.TF_NO_DTX in request.audio_features:
                peer.disable_dtx(cid)
            if name:
                peer.prefer_codec(cid, name)

    def confirm(self, announced: Announced) -> None:
        """Tell the client the id of a track that it announced."""
        self._client.signal(
            rtc.SignalResponse(
                track_published=rtc.TrackPublishedResponse(cid=announced.cid, track=announced.info)
            )
        )

    def _mute(self, request: rtc.MuteTrackRequest) -> None:
        client = self._client
        announced = client.upstream.announcements.find(request.sid)
        publication = client.publications.get(request.sid)
        if announced is not None:
            announced.info.muted = request.muted
        elif publication is None:
            self._respond(Refusal.NOT_FOUND, "no such track", mute=request)
        elif publication.info.muted != request.muted:
            publication.info.muted = request.muted
            publication.held = publication.held and request.muted
            client.room.track_changed(publication)

    def _subscription(self, request: rtc.UpdateSubscription) -> None:
        sids = [*request.track_sids]
        for tracks in request.participant_tracks:
            sids += tracks.track_sids
        client = self._client
        for sid in sids[:MAX_CHOICES]:
            client.subscriptions.choose(sid, request.subscribe)
            publication = client.room.find_track(sid)
            if publication is not None:
                client.subscriptions.review(publication)
            elif request.subscribe:
                client.signal(
                    rtc.SignalResponse(
                        subscription_response=rtc.SubscriptionResponse(
                            track_sid=sid, err=models.SubscriptionError.SE_TRACK_NOTFOUND
                        )
                    )
                )

    def _track_setting(self, request: rtc.UpdateTrackSettings) -> None:
        settings = TrackSettings.of(request)
        for sid in request.track_sids[:MAX_CHOICES]:
            publication = self._client.subscriptions.get(sid)
            if publication is not None:
                self._client.downstream.set_settings(publication, settings)

    def _leave(self, request: rtc.LeaveRequest) -> None:  # noqa: ARG002 - whatever its reason
        self._client.leave()

    def _update_layers(self, request: rtc.UpdateVideoLayers) -> None:
        publication = self._client.publications.get(request.track_sid)
        if publication is not None and publication.is_video:
            del publication.info.layers[:]
            publication.info.layers.extend(request.layers[:MAX_LAYERS])
            self._client.changed()

    def _subscription_permission(self, request: rtc.SubscriptionPermission) -> None:
        client = self._client
        client.permissions.set(request)
        for publication in list(client.publications.values()):
            client.room.review(publication)

    def _simulate(self, request: rtc.SimulateScenario) -> None:
        client = self._client
        scenario = request.WhichOneof("scenario")
        if scenario == "leave_request_full_reconnect":
            client.dismiss(models.DisconnectReason.UNKNOWN_REASON, comes_back=True)
        elif scenario == "server_leave":
            client.dismiss(models.DisconnectReason.SERVER_SHUTDOWN)
        elif scenario in {"node_failure", "disconnect_signal_on_resume"}:
            client.drop_signal()

    def _now_ms(self) -> int:
        return int(self._client.room.now() * 1000)

    def _ping(self, request: int) -> None:  # noqa: ARG002 - the answer is the server's time
        self._client.signal(rtc.SignalResponse(pong=self._now_ms()))

    def _ping_req(self, request: rtc.Ping) -> None:
        pong = rtc.Pong(last_ping_timestamp=request.timestamp, timestamp=self._now_ms())
        self._client.signal(rtc.SignalResponse(pong_resp=pong))

    def _update_metadata(self, request: rtc.UpdateParticipantMetadata) -> None:
        client, number = self._client, request.request_id
        if not client.grants.can_update_own_metadata:
            self._respond(
                Refusal.NOT_ALLOWED,
                "may not change its own metadata",
                request_id=number,
                update_metadata=request,
            )
            return
        try:
            client.update_own(request)
        except InvalidInput as error:
            self._respond(
                Refusal.LIMIT_EXCEEDED, str(error), request_id=number, update_metadata=request
            )
            return
        if number:
            self._respond(Refusal.OK, request_id=number, update_metadata=request)

    def _update_audio_track(self, request: rtc.UpdateLocalAudioTrack) -> None:
        publication = self._client.publications.get(request.track_sid)
        if publication is None or publication.is_video:
            self._respond(Refusal.NOT_FOUND, "no such track", update_audio_track=request)
            return
        features = request.features[:16]
        del publication.info.audio_features[:]
        publication.info.audio_features.extend(features)
        publication.info.stereo = models.AudioTrackFeature.TF_STEREO in features
        publication.info.disable_dtx = models.AudioTrackFeature.TF_NO_DTX in features
        self._client.room.track_changed(publication)

    def _update_video_track(self, request: rtc.UpdateLocalVideoTrack) -> None:
        publication = self._client.publications.get(request.track_sid)
        if publication is None or not publication.is_video:
            self._respond(Refusal.NOT_FOUND, "no such track", update_video_track=request)
            return
        publication.info.width, publication.info.height = request.width, request.height
        self._client.room.track_changed(publication)

    def _publish_data_track(self, request: rtc.PublishDataTrackRequest) -> None:
        self._respond(Refusal.UNSUPPORTED_TYPE, "is not supported", publish_data_track=request)

    def _unpublish_data_track(self, request: rtc.UnpublishDataTrackRequest) -> None:
        self._respond(Refusal.INVALID_HANDLE, "no such track", unpublish_data_track=request)

    def _data_blob(self, request: rtc.StoreDataBlobRequest | rtc.GetDataBlobRequest) -> None:
        self._respond(Refusal.UNSUPPORTED_TYPE, "is not supported", request_id=request.request_id)


def _cost(name: str | None, request: rtc.SignalRequest) -> int:
    """How many requests one counts for, by how much work it makes for how many."""
    if name in _TOLD_TO_ALL:
        return 5
    if name == "subscription":
        tracks = sum(len(item.track_sids) for item in request.subscription.participant_tracks)
        return 1 + (len(request.subscription.track_sids) + tracks) // 8
    return 1
