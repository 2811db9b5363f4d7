from __future__ import annotations


class IRTCLocalUserObserver:
    def on_intra_request_received(self, agora_local_user):
        pass

    def on_audio_track_publication_failure(self, agora_local_user, agora_local_audio_track, error):
        pass

    def on_video_track_publication_failure(self, agora_local_user, agora_local_video_track, error):
        pass
