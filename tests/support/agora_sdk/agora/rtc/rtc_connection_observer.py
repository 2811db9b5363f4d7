from __future__ import annotations


class IRTCConnectionObserver:
    def on_connected(self, agora_rtc_conn, conn_info, reason):
        pass

    def on_disconnected(self, agora_rtc_conn, conn_info, reason):
        pass

    def on_connecting(self, agora_rtc_conn, conn_info, reason):
        pass

    def on_reconnecting(self, agora_rtc_conn, conn_info, reason):
        pass

    def on_reconnected(self, agora_rtc_conn, conn_info, reason):
        pass

    def on_connection_lost(self, agora_rtc_conn, conn_info):
        pass

    def on_token_privilege_will_expire(self, agora_rtc_conn, token):
        pass

    def on_token_privilege_did_expire(self, agora_rtc_conn):
        pass

    def on_connection_license_validation_failure(self, agora_rtc_conn, reason):
        pass

    def on_connection_failure(self, agora_rtc_conn, info, reason):
        pass

    def on_error(self, agora_rtc_conn, error_code, error_msg):
        pass

    def on_aiqos_capability_missing(self, agora_rtc_conn, recommend_audio_scenario) -> int:
        pass
