"""WebRTC for a server: ICE-lite, DTLS, SRTP, data channels, SDP, RTP and media clocks."""
