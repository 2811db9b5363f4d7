"""The puppet: draws an avatar pack's artwork in any pose, with Skia."""
