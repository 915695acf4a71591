"""What a player thinks while it thinks, in the formats of Leela Zero, KataGo, Sabaki and CGOS."""
