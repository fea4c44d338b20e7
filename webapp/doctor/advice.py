"""Advice on the servers between browser and app, as far as their answers name them."""

from __future__ import annotations

from webapp.doctor.http_client import Answer

OR_POLL = "If you cannot change it, set WEBAPP_STREAMING=poll."
# Words in the headers of an answer that name a server on the way, and what to change there.
BUFFERING = {
    "nginx": "In nginx, set `proxy_buffering off;` for this site, and let X-Accel-Buffering count.",
    "apache": "In Apache, add `flushpackets=on` to the ProxyPass line.",
    "caddy": "In Caddy, set `flush_interval -1` in reverse_proxy.",
    "envoy": "In Envoy, remove the buffer filter from this route.",
    "cloudflare": "At Cloudflare, switch off rewriting and buffering for this site.",
    "cloudfront": "At CloudFront, forward this site without caching and compression.",
    "varnish": "In Varnish, set `beresp.do_stream = true` and pass /chats/ and /healthz/stream.",
}
ANY_BUFFERING = (
    "Let it pass text/event-stream on at once: nginx `proxy_buffering off;`, Apache "
    "`flushpackets=on`, a CDN without buffering."
)
COMPRESSING = {
    "nginx": "In nginx, leave text/event-stream out of gzip_types (and brotli_types).",
    "apache": "In Apache, compress by AddOutputFilterByType without text/event-stream.",
    "caddy": "In Caddy, limit `encode` to other types than text/event-stream.",
    "cloudflare": "At Cloudflare, add a compression rule that leaves text/event-stream alone.",
}
ANY_COMPRESSING = "Leave text/event-stream out of what is compressed, and honour no-transform."
PASSING_HOST = {
    "nginx": "In nginx, write `proxy_set_header Host $http_host;` (with WEBAPP_PROXY_HOPS also "
    "`proxy_set_header X-Forwarded-Host $http_host;`) instead of `$host` or Debian's proxy_params.",
    "apache": "In Apache, add `ProxyPreserveHost On`.",
    "caddy": "In Caddy, remove `header_up Host` from reverse_proxy.",
}
ANY_PASSING_HOST = (
    "Let it pass on the Host header with its port: nginx `proxy_set_header Host $http_host;`, "
    "Apache `ProxyPreserveHost On`."
)
ADVICE_ON_BUFFERED_REQUESTS = (
    "Start gunicorn with `--threads 32`, or put a proxy in front that buffers requests: nginx "
    "(`proxy_request_buffering on;`), Caddy (`request_buffers 5MiB` in reverse_proxy), or Apache "
    "(`SetInputFilter BUFFER`, `RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500`)."
)
SHAPES = {
    "gunicorn": "Start gunicorn with `--workers 1 --threads 32` (or `--workers 4 --threads 16`).",
    "waitress": "Start waitress with `--threads 32`.",
    "uWSGI": "Start uWSGI with `--enable-threads --threads 32`.",
    "mod_wsgi": "Use mod_wsgi's daemon mode with `threads=32`.",
    "werkzeug": "Start `flask run` without --without-threads; for visitors use gunicorn.",
}
ANY_SHAPE = "Give the server threads, as gunicorn `--workers 1 --threads 32` does."


def advise_on_buffering(answer: Answer) -> str:
    """Return how to let streams pass the server that has passed on this answer."""
    return f"{_find_advice(BUFFERING, answer) or ANY_BUFFERING} {OR_POLL}"


def advise_on_compression(answer: Answer) -> str:
    """Return how to keep the server that has passed on this answer from compressing streams."""
    return _find_advice(COMPRESSING, answer) or ANY_COMPRESSING


def advise_on_host(answer: Answer) -> str:
    """Return how to pass on the host name and port that the browser asked for."""
    return _find_advice(PASSING_HOST, answer) or ANY_PASSING_HOST


def advise_on_threads(server: str) -> str:
    """Return how to start a server so that answers can be streamed."""
    return SHAPES.get(server, ANY_SHAPE)


def _find_advice(advice: dict[str, str], answer: Answer) -> str:
    headers = " ".join(answer.header(name) for name in ("Server", "Via", "X-Served-By", "X-Cache"))
    headers += " cloudflare" if "CF-Ray" in answer.headers else ""
    return next((text for word, text in advice.items() if word in headers.lower()), "")
