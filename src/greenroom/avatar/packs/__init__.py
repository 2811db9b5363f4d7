"""Avatar packs: folders of a manifest and SVG drawings that users write (docs/avatar-packs.md)."""
