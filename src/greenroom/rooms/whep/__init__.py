"""Viewers by WHEP (WebRTC-HTTP egress protocol): an offer in, an answer out, and media."""
