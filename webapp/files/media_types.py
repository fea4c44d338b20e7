"""Pictures, sound and video that puremagic does not know, or knows by half, by how they begin."""

from __future__ import annotations

# The kinds of a file in the form of ISO 14496-12, by the brands that it names.
_PICTURES = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
}
_SOUNDS = (b"M4A ", b"M4B ", b"M4P ", b"F4A ")
_VIDEOS = (b"iso", b"mp4", b"avc1", b"dash", b"M4V", b"F4V", b"MSNV", b"cmf", b"NDS", b"msdh")
_MOBILE = b"3g"
_QUICKTIME = b"qt  "
_BRANDS_BYTES = 256
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_EBML = b"\x1aE\xdf\xa3"
_EBML_HEAD_BYTES = 64


def find_media_type(head: bytes) -> str | None:
    """Return the content type of a picture, a sound or a video, or ``None`` for anything else."""
    if head[4:8] == b"ftyp":
        return _type_of_brands(head)
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(_EBML):
        document = head[:_EBML_HEAD_BYTES]
        if b"webm" in document:
            return "video/webm"
        return "video/x-matroska" if b"matroska" in document else None
    return "audio/mpeg" if _is_mpeg_audio(head) else None


def _type_of_brands(head: bytes) -> str | None:
    stop = min(int.from_bytes(head[:4]), len(head), _BRANDS_BYTES)
    # The first brand is followed by a version, and by all that the file is as well.
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, stop, 4))]
    if brands[0] == _QUICKTIME:
        return "video/quicktime"
    if brands[0].startswith(_MOBILE):
        return "video/3gpp"
    if brands[0] in _PICTURES:
        # What is "mif1" first says later which picture it is.
        found = [_PICTURES[brand] for brand in brands if brand in _PICTURES]
        return next((type_ for type_ in found if type_ != "image/heif"), found[0])
    if brands[0] in _SOUNDS:
        return "audio/mp4"
    return "video/mp4" if any(brand.startswith(_VIDEOS) for brand in brands) else None


def _is_mpeg_audio(head: bytes) -> bool:
    """Return whether a frame of MPEG audio stands at the beginning, as in an MP3 without tags."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, frequency = head[2] >> 4, head[2] >> 2 & 3
    # Layer 0 is that of AAC, and 3 is how a text in UTF-16 begins. The others are no frame's.
    return version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and frequency != 3
