"""Sign-in by the headers of a proxy: which proxy is believed, and whom it vouches for."""
